import { DeadlineError, InfraError } from "../base/errors.ts";
import { sanitize } from "../base/text.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { Guest } from "../guest/guest.ts";

/** A machine's kernel or system never came to where its guest answers: booting the same again is no help. */
export class BootError extends InfraError {
  override readonly name = "BootError";
}

/**
 * Wait until a guest that boots answers.
 *
 * @param options.evidence where the console's log will be.
 * @throws {BootError} when it does not in time, with the last words of its console.
 * @throws {MachineFault} when QEMU ends or the guest's kernel crashes.
 */
export async function awaitBoot(
  guest: Guest,
  options: WaitOptions & { readonly evidence: string },
): Promise<void> {
  try {
    await guest.ready(options);
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    throw new BootError(
      `the guest did not come up: ${error.message}; ${lastWords(guest.machine.console.text)}`,
      {
        next:
          "See the console's log. A kernel that says nothing more may not suit this QEMU or its processor: try another " +
          "--kernel; on a busy host, end other work.",
        evidence: options.evidence,
        cause: error,
      },
    );
  }
}

/** What a console said last, as a sentence. @example lastWords("a\nb\n\n") // 'the kernel said nothing after: "b"' */
export function lastWords(console: string): string {
  const line = console
    .split("\n")
    .map((line) => line.trim())
    .findLast((line) => line !== "");
  if (line === undefined) return "its console stayed empty";
  return `the kernel said nothing after: "${sanitize(line, { maxLength: 160 })}"`;
}
