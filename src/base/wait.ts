import { Deadline, lengthOf, type Within } from "./deadline.ts";
import { type Duration, toMilliseconds } from "./duration.ts";
import type { Pace } from "./pace.ts";

export interface WaitOptions {
  /**
   * How long to wait at the most: a duration, or an allowance that a busy host stretches. Every wait has one: a
   * guest process in D must not stop us.
   */
  readonly within: Within;
  /** Whose time an allowance is counted in. Default: any program's of this host. */
  readonly pace?: Pace | undefined;
  /** The caller's own reason to stop waiting. */
  readonly signal?: AbortSignal | undefined;
  /** How long work that was told to stop may take to clean up before it is left alone. Default: not at all. */
  readonly grace?: Within | undefined;
}

/**
 * Race a promise against a deadline and a signal. The promise itself is not stopped; give it the signal of
 * {@link withDeadline} for that.
 *
 * @throws {DeadlineError} when the deadline comes first.
 * @throws the signal's reason when it aborts first.
 * @example await wait("the guest's ssh banner", banner, { within: "10s", signal });
 */
export async function wait<T>(what: string, promise: Promise<T>, options: WaitOptions): Promise<T> {
  return await withDeadline(what, options, () => promise);
}

/**
 * Run work under a deadline and a signal; the work is given a signal that aborts on either.
 *
 * @throws {DeadlineError} when the deadline comes first, even if the work ignores its signal.
 * @example await withDeadline("the build", { within: "10m" }, (signal) => build({ signal }));
 */
export async function withDeadline<T>(
  what: string,
  options: WaitOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(options.within, options.pace);
  options.signal?.throwIfAborted();
  const controller = new AbortController();
  const stopped = Promise.withResolvers<never>();
  const abort = (reason: unknown): void => {
    controller.abort(reason);
    stopped.reject(reason);
  };
  const onAbort = (): void => abort(options.signal?.reason);
  let timer: NodeJS.Timeout | undefined;
  let hasCaughtUp = false;
  const arm = (after: number): void => {
    const due = performance.now() + after;
    timer = setTimeout(() => {
      const late = performance.now() - due;
      const { left } = deadline;
      if (left > 0) {
        deadline.stretch(what);
        return arm(left);
      }
      // This process did not run: what came meanwhile is read only after its timers.
      if (late > lateness && !hasCaughtUp) {
        hasCaughtUp = true;
        return arm(Math.min(late, mostCatchingUp));
      }
      abort(deadline.error(what));
    }, after);
  };
  arm(deadline.left);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const running = work(controller.signal);
    // Losing the race must not become an unhandled rejection later.
    running.catch(() => {});
    try {
      return await Promise.race([running, stopped.promise]);
    } finally {
      if (controller.signal.aborted && options.grace !== undefined) {
        await Promise.race([running.catch(() => {}), pause(lengthOf(options.grace))]);
      }
    }
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/** A timer that is later than this says that this process was not run. Milliseconds. */
const lateness = 100;
const mostCatchingUp = 1_000;

/** Wait a while, or until the signal aborts (then its reason is thrown). */
export async function pause(duration: Duration, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, toMilliseconds(duration));
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
