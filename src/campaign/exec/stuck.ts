import type { Duration } from "../../base/duration.ts";
import { toMilliseconds } from "../../base/duration.ts";
import { pause } from "../../base/wait.ts";
import type { GuestProcess, ProcessExit } from "../../guest/process.ts";
import type { ProcessSnapshot } from "../../process/threads.ts";

/** How a wait for a command came out. */
export type Waited =
  | { readonly type: "exit"; readonly exit: ProcessExit }
  /** A thread sleeps one uninterruptible sleep, and nothing of the command moves. */
  | { readonly type: "stuck" }
  | { readonly type: "late" };

/** How long one uninterruptible sleep has to last. The kernel's own detector says the same after it. */
const lasting: Duration = "10s";

/**
 * Wait for a command of anybody's to end. A command that is quiet is not stuck: a test suite may wait for a timer for
 * minutes. It is stuck when nothing of it moves and one of its threads stays in one uninterruptible sleep.
 *
 * @example (await untilEndOrStuck(job, { within: "10m", signal })).type // "exit" | "stuck" | "late"
 */
export async function untilEndOrStuck(
  job: GuestProcess,
  options: { readonly within: Duration; readonly signal: AbortSignal },
): Promise<Waited> {
  const { signal } = options;
  const end = performance.now() + toMilliseconds(options.within);
  for (;;) {
    const left = Math.max(0, Math.round(end - performance.now()));
    const outcome = await job.untilExitOrStall({ deadline: left, byTheClock: true, signal });
    if (outcome.type === "exit") return { type: "exit", exit: outcome.exit };
    if (outcome.type === "deadline") return { type: "late" };
    if (!outcome.processes.some(({ threads }) => threads.some(({ state }) => state === "D"))) continue;
    const ended = await Promise.race([job.exited, pause(lasting, signal)]);
    if (ended) return { type: "exit", exit: ended };
    if (sleepsOn(outcome.processes, await job.processes({ signal }))) return { type: "stuck" };
  }
}

/**
 * Whether a thread is in the same uninterruptible sleep at both looks: in D, and not switched in between.
 *
 * @example sleepsOn(before, after)
 */
export function sleepsOn(before: readonly ProcessSnapshot[], after: readonly ProcessSnapshot[]): boolean {
  const asleep = new Map(
    before.flatMap(({ threads }) =>
      threads.filter(({ state }) => state === "D").map(({ tid, switches }) => [tid, switches] as const),
    ),
  );
  return after.some(({ threads }) =>
    threads.some(({ tid, state, switches }) => state === "D" && asleep.get(tid) === switches),
  );
}
