import { InfraError } from "../base/errors.ts";

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

/**
 * Whether a console line says that the kernel crashed. Hung tasks and warnings are no crash: the guest goes on.
 *
 * @see https://elixir.bootlin.com/linux/v6.1/source/kernel/panic.c
 * @see https://elixir.bootlin.com/linux/v6.1/source/arch/x86/kernel/dumpstack.c
 */
export function crashIn(line: string): "panic" | "oops" | undefined {
  if (/Kernel panic - not syncing/.test(line)) return "panic";
  // A program that faulted, with its pid in brackets: "traps: crun[206] general protection fault ip:...".
  if (/(?:\]|^)\s*traps: /.test(line)) return undefined;
  if (
    /(?:\]|^)\s*(?:Oops: |Internal error: |BUG: unable to handle|BUG: kernel NULL pointer|general protection fault|kernel BUG at )/.test(
      line,
    )
  ) {
    return "oops";
  }
  return undefined;
}
