/** A job that advances gets this many times its deadline at the most. */
export const mostMoreTime = 4;

/** A step that takes this many times as long as the longest one before is none any more: the job does not advance. */
const patience = 3;

/**
 * Decides whether a job that is at its deadline gets more time, from how far it says that it is. It does while it
 * advances: the step it is at must not take more than three times as long as its longest one, and the whole not
 * more than {@link mostMoreTime} times the deadline. A job without a step behind it gets none.
 *
 * Times are milliseconds since the job started, in time that the host gave.
 *
 * @example
 * const more = new MoreTime(240_000);
 * more.observe(48_000, 1); // a round is done
 * more.isGranted(250_000); // false: the second one takes too long
 */
export class MoreTime {
  readonly #most: number;
  #steps = 0;
  #lastAt = 0;
  #longest = 0;

  constructor(deadline: number) {
    this.#most = deadline * mostMoreTime;
  }

  /** The job says how many of its own steps, such as rounds, are done. */
  observe(at: number, steps: number): void {
    if (steps <= this.#steps) return;
    // Several at once: they share the time since the last look.
    this.#longest = Math.max(this.#longest, (at - this.#lastAt) / (steps - this.#steps));
    this.#steps = steps;
    this.#lastAt = at;
  }

  isGranted(at: number): boolean {
    return this.#steps > 0 && at < this.#most && at - this.#lastAt <= this.#longest * patience;
  }
}
