import { DeadlineError } from "../base/errors.ts";
import { processorTime } from "../base/processor-time.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause, withDeadline } from "../base/wait.ts";
import type { Machine } from "./machine.ts";

/** How long a look takes, in milliseconds. */
const look = 200;

/** A guest is quiet that computed less than this share of a processor, in so many looks in a row. */
const idle = { share: 0.08, looks: 3 };

/**
 * Wait until a guest does nothing any more, as far as the host sees: whatever it still does when it is frozen, every
 * machine that goes on from there does first. One that never rests is waited for some seconds.
 *
 * @throws the signal's reason when it aborts.
 */
export async function awaitQuiet(
  machine: Pick<Machine, "pid" | "pace">,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const limits = { within: timeouts.machine.quiet, pace: machine.pace, signal };
  await withDeadline("the guest to be quiet", limits, async (either) => {
    let before = await processorTime(machine.pid);
    for (let quiet = 0; quiet < idle.looks; ) {
      await pause(look, either);
      const now = await processorTime(machine.pid);
      if (now === undefined || before === undefined) return;
      quiet = now - before < idle.share * look ? quiet + 1 : 0;
      before = now;
    }
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof DeadlineError)) throw error;
  });
}
