import { DstateError } from "../base/errors.ts";
import { pause, withDeadline } from "../base/wait.ts";
import { silence } from "./limits.ts";
import type { Claim, Queue } from "./queue.ts";

/** Milliseconds. Twice in a row it may fail before the job is given up, and that before it is given to another. */
export const holdEvery = 4_000;
const giveUpAfter = (silence * 1000 * 3) / 5;

/** A job that is not ours any more. */
class LostJobError extends DstateError {
  override readonly name = "LostJobError";
}

/**
 * Say again and again that a job is worked at; who cannot say so, or is told that it is another's, gives it up.
 *
 * @param lost is aborted then.
 */
export function holdOn(queue: Queue, claim: Claim, lost: AbortController): Disposable {
  const ended = new AbortController();
  const hold = async (): Promise<void> => {
    let last = performance.now();
    for (;;) {
      await pause(holdEvery, ended.signal);
      const asked = performance.now();
      const answer = await withDeadline("the queue", { within: holdEvery, signal: ended.signal }, () =>
        queue.hold(claim),
      ).catch(() => undefined);
      ended.signal.throwIfAborted();
      if (answer === true) last = asked;
      else if (answer === false)
        return lost.abort(new LostJobError("the job was given to another worker: this one is given up"));
      else if (performance.now() - last > giveUpAfter)
        return lost.abort(
          new LostJobError("cut off from the queue: the job is given up, another worker gets it"),
        );
    }
  };
  hold().catch(() => {});
  return { [Symbol.dispose]: () => ended.abort() };
}
