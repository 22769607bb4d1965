import type { WaitOptions } from "../base/wait.ts";
import { parseStuck, type StuckProcess, stuckScript } from "../process/stuck.ts";
import type { WayIn } from "./way-in.ts";

/**
 * Look closer at processes that do not die: their io_uring rings and the user side of their threads. A file that
 * cannot be read without waiting for a stuck thread is named in `unread`, and does not hold this up.
 *
 * @throws {DeadlineError} after `within`, when not even the guest's shell answers.
 * @example (await inspectStuck(vm.guest, [132], { within: "10s" }))[0]?.rings
 */
export async function inspectStuck(
  guest: Pick<WayIn, "quick">,
  pids: readonly number[],
  options: WaitOptions,
): Promise<StuckProcess[]> {
  if (pids.length === 0) return [];
  const { stdout } = await guest.quick(["bash", "-c", stuckScript, "bash", ...pids.map(String)], {
    within: options.within,
    signal: options.signal,
    allowFailure: true,
  });
  return parseStuck(stdout);
}
