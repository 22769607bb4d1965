import { type DstateErrorOptions, InfraError } from "../base/errors.ts";

export { crashIn } from "../kernel-log/crash.ts";

/**
 * Why a machine can no longer be waited for: QEMU ended, the guest's kernel crashed, or the host failed QEMU, which
 * says nothing about the guest.
 */
export type FaultKind = "exit" | "panic" | "oops" | "host";

/** QEMU ended, the guest's kernel crashed, or a disk of the host failed, while something was being waited for. */
export class MachineFault extends InfraError {
  readonly kind: FaultKind;
  constructor(kind: FaultKind, message: string, options: DstateErrorOptions = {}) {
    super(message, options);
    this.kind = kind;
  }
}

/** The way into the guest broke off: the guest's fault, or QEMU is about to be gone. */
export class ConnectionLost extends InfraError {}
