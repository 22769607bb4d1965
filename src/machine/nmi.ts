import { DeadlineError } from "../base/errors.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { Machine } from "./machine.ts";

/**
 * Send a non-maskable interrupt to every CPU, for a guest that answers nothing else: a CPU that spins with its
 * interrupts off still takes it. Where `kernel.unknown_nmi_panic` is set it panics and prints its stack. Else it says
 * "NMI received for unknown reason", which stays in its memory until its interrupts are on again.
 *
 * @returns what the console said; empty when no CPU took it in time.
 * @see https://www.kernel.org/doc/html/latest/admin-guide/sysctl/kernel.html (unknown_nmi_panic)
 * @throws {InfraError} when QEMU refuses.
 */
export async function sendNmi(
  machine: Pick<Machine, "console" | "platform" | "qmp">,
  options: WaitOptions,
): Promise<string> {
  const { answerToNmi } = machine.platform;
  const mark = machine.console.mark;
  await machine.qmp.call("inject-nmi", {}, options);
  try {
    await machine.console.waitForLine("the kernel's answer to an NMI", (line) => answerToNmi.test(line), {
      within: options.within,
      signal: options.signal,
      from: mark,
    });
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
  }
  return machine.console.since(mark).trim();
}
