import { InfraError } from "../base/errors.ts";

export { crashIn } from "../kernel-log/crash.ts";

/** Why a machine can no longer be waited for. */
export type FaultKind = "exit" | "panic" | "oops";

/** QEMU ended, or the guest's kernel crashed, while something was being waited for. */
export class MachineFault extends InfraError {
  readonly kind: FaultKind;
  constructor(kind: FaultKind, message: string, options: { evidence?: string } = {}) {
    super(message, options);
    this.kind = kind;
  }
}

/** The way into the guest broke off: the guest's fault, or QEMU is about to be gone. */
export class ConnectionLost extends InfraError {}
