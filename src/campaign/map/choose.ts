import { coinEntropy } from "../bisect/rates.ts";
import type { Seen, SeriesBelief, SeriesModel } from "./belief.ts";

/** A line of releases in the middle of a map. */
export interface SeriesState {
  /** For each release, the oldest first. */
  readonly seen: readonly Seen[];
  readonly model: SeriesModel;
  /** What says which releases are known, where `model` takes more for granted than a map may. Default: `model`. */
  readonly strict?: SeriesModel | undefined;
  /** For each release, whether it can be tried: not when its kernel does not build. */
  readonly testable: readonly boolean[];
  /** For each release, seconds until its kernel is there; 0 for what is here. */
  readonly build: readonly number[];
  /** Seconds of a trial. */
  readonly trial: number;
}

/** A release to try next. */
export interface Choice {
  readonly release: number;
  /** Bits of the map that it is expected to tell, for each second of its cost. */
  readonly worth: number;
}

/** Lengths of blocks of trials that are thought through. */
const blocks = [1, 2, 4, 8, 16, 32];
/** What is more certain than this is not looked at: it could tell next to nothing. */
const certain = 1e-4;

/**
 * The release whose trials tell most of where the bug comes and goes, for their cost: the largest mutual information.
 * A kernel that must be built first will see more than one trial, so it is judged by the best block of them, up to the
 * first reproduction.
 *
 * A bad release that is here is tried until it showed the bug three times. As long as nothing reproduced, nobody knows how much a clean trial says: then the release is chosen that most likely
 * shows the bug for its cost.
 *
 * @param settled releases that are not worth more trials.
 * @returns undefined when nothing tells anything.
 */
export function chooseRelease(
  { seen, model, testable, build, trial }: SeriesState,
  now: SeriesBelief,
  settled: readonly boolean[],
): Choice | undefined {
  const isRateKnown = model.isRateKnown === true || seen.some(({ reproduced }) => reproduced > 0);
  const again = model.isRateKnown === true ? undefined : toKnowTheRate(seen, testable, build);
  if (again !== undefined) return { release: again, worth: Number.MAX_VALUE };
  let best: Choice | undefined;
  for (const [release, canBe] of testable.entries()) {
    const bad = now.bad[release] ?? 0;
    if (!canBe || settled[release] === true || Math.min(bad, 1 - bad) < certain) continue;
    const toBuild = build[release] ?? 0;
    let highest = 0;
    for (const trials of toBuild > 0 ? blocks : blocks.slice(0, 1)) {
      const shows = 1 - (1 - now.rate) ** trials;
      const tells = isRateKnown ? coinEntropy(bad * shows) - bad * coinEntropy(shows) : bad * shows;
      const mean = (1 - bad) * trials + bad * upToFirst(now.rate, trials);
      const worth = tells / (toBuild + mean * trial);
      // Longer blocks are worth less and less from here on.
      if (worth <= highest) break;
      highest = worth;
    }
    if (highest > (best?.worth ?? 0)) best = { release, worth: highest };
  }
  return best;
}

/**
 * A release that is known to be bad and is here: how often that shows it says how many clean trials make a good one.
 *
 * @returns undefined when that is known well enough.
 */
function toKnowTheRate(
  seen: readonly Seen[],
  testable: readonly boolean[],
  build: readonly number[],
): number | undefined {
  const bad = seen.flatMap((one, release) => (one.reproduced > 0 ? [{ ...one, release }] : []));
  const [reproduced, clean] = [
    bad.reduce((sum, one) => sum + one.reproduced, 0),
    bad.reduce((sum, one) => sum + one.clean, 0),
  ];
  if (reproduced >= 3 || reproduced + clean >= 8) return undefined;
  return bad.find(({ release }) => testable[release] && build[release] === 0)?.release;
}

/** Mean number of trials up to the first reproduction, but to a largest number. */
function upToFirst(rate: number, trials: number): number {
  return rate === 0 ? trials : (1 - (1 - rate) ** trials) / rate;
}
