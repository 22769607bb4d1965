import { type AnyBelief, chanceToReproduce } from "./any-belief.ts";
import type { Observation } from "./posterior.ts";

export interface BatchOptions {
  /** Tests to run side by side, at the most. */
  readonly size: number;
  /** What is believed after the real trials and some guessed ones; undefined when they would settle it. */
  readonly believe: (guesses: readonly Observation[]) => AnyBelief | undefined;
  /** The best test by a belief, of those that are allowed. */
  readonly choose: (belief: AnyBelief, isAllowed: (test: number) => boolean) => number | undefined;
  /** Whether a test needs no building. */
  readonly isBuilt: (test: number) => boolean;
}

/**
 * Tests to run side by side. The first is the best one; each further one is the best if those before it show what
 * they most likely show, so that not all ask the same question. At most the first needs something built: two
 * builds at once take twice as long.
 *
 * @returns none when no test tells anything.
 */
export function chooseBatch(options: BatchOptions): number[] {
  const batch: number[] = [];
  const guesses: Observation[] = [];
  while (batch.length < options.size) {
    const belief = options.believe(guesses);
    if (!belief) break;
    const test = options.choose(
      belief,
      (candidate) => batch.length === 0 || candidate === batch[0] || options.isBuilt(candidate),
    );
    if (test === undefined) break;
    batch.push(test);
    guesses.push({ test, outcome: chanceToReproduce(belief, test) > 0.5 ? "reproduced" : "clean" });
  }
  return batch;
}
