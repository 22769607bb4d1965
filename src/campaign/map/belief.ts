import type { RatePrior } from "../bisect/rates.ts";

/** Trials of a release that said something. */
export interface Seen {
  readonly reproduced: number;
  readonly clean: number;
}

/** What is taken for granted of a line of releases before any trial. */
export interface SeriesModel {
  /** What a bad release's rate may be. */
  readonly prior: RatePrior;
  /** Whether other trials say already how often a bad release shows it. */
  readonly isRateKnown?: boolean | undefined;
  /** For each release, what somebody says of it; that counts like evidence of nine to one, never like a proof. */
  readonly hints?: readonly ("bad" | "good" | undefined)[] | undefined;
  /**
   * For each release, how much of all switches is expected just before it, 1 in the mean. Default: 1 everywhere.
   * Entry 0 is not used.
   */
  readonly switchesAt?: Float64Array | undefined;
}

/** What is believed of a line of releases. All probabilities are of what is true, not of what a trial shows. */
export interface SeriesBelief {
  /** For each release, that it has the bug. */
  readonly bad: Float64Array;
  /** For each release, that it has the bug and the one before it has not. */
  readonly brought: Float64Array;
  /** For each release, that it does not have the bug and the one before it has. */
  readonly mended: Float64Array;
  /** Mean rate of a bad release. */
  readonly rate: number;
  /** Logarithm of the probability of everything that was seen, up to a constant. */
  readonly evidence: number;
}

/** Bugs that are brought into a line while it lasts, in the mean. */
const broughtPerLine = 0.7;
/** And brought again, once mended. */
const againPerLine = 0.03;
/** A line begins without it, with it, or when it is mended already. */
const start = [0.5, 0.3, 0.2] as const;
/** Chances that a release mends it, which nobody knows: some are mended within weeks, some never. */
const mendRates = [0.3, 0.1, 0.03, 0.004];
const hintWeight = 9;

/**
 * What trials say of a line of releases: each has the bug or not; it comes once as a rule, goes again or stays,
 * and a bad release shows it in a share of its trials that is the same for all but not known. Exact: the sums over all
 * ways in which it may have come and gone are those of a hidden Markov chain with three states: not yet, bad, mended.
 *
 * @param seen for each release, the oldest first.
 * @see https://en.wikipedia.org/wiki/Forward%E2%80%93backward_algorithm
 * @example believe([{ reproduced: 0, clean: 2 }, { reproduced: 2, clean: 0 }], { prior: unknownRate() }).bad[1] // 1
 */
export function believe(seen: readonly Seen[], model: SeriesModel): SeriesBelief {
  const { rates, weights } = model.prior;
  const size = seen.length;
  const sums = {
    bad: new Float64Array(size),
    brought: new Float64Array(size),
    mended: new Float64Array(size),
  };
  const runs = rates.flatMap((rate, index) =>
    mendRates.map((mendRate) => ({ rate, mendRate, log: Math.log(weights[index] ?? 0) })),
  );
  const emissions = rates.map((rate) => emissionsOf(seen, rate, model.hints));
  const results = runs.map(({ mendRate, log }, index) => {
    const emission = emissions[Math.floor(index / mendRates.length)];
    const run = emission && forwardBackward(emission, mendRate, model.switchesAt);
    return run && { ...run, evidence: run.evidence + log };
  });
  const top = Math.max(...results.map((run) => run?.evidence ?? Number.NEGATIVE_INFINITY));
  let total = 0;
  let rateSum = 0;
  for (const [index, run] of results.entries()) {
    if (!run || run.evidence === Number.NEGATIVE_INFINITY) continue;
    const weight = Math.exp(run.evidence - top);
    total += weight;
    rateSum += weight * (runs[index]?.rate ?? 0);
    for (let release = 0; release < size; release += 1) {
      sums.bad[release] = (sums.bad[release] ?? 0) + weight * (run.bad[release] ?? 0);
      sums.brought[release] = (sums.brought[release] ?? 0) + weight * (run.brought[release] ?? 0);
      sums.mended[release] = (sums.mended[release] ?? 0) + weight * (run.mended[release] ?? 0);
    }
  }
  const share = (sum: Float64Array): Float64Array => sum.map((value) => (total === 0 ? 0 : value / total));
  return {
    bad: share(sums.bad),
    brought: share(sums.brought),
    mended: share(sums.mended),
    rate: total === 0 ? 0 : rateSum / total,
    evidence: total === 0 ? Number.NEGATIVE_INFINITY : top + Math.log(total),
  };
}

/**
 * How likely it is that a line is exactly like this, all releases together.
 *
 * @param bad for each release, whether it has the bug.
 */
export function probabilityOf(bad: readonly boolean[], seen: readonly Seen[], model: SeriesModel): number {
  return Math.exp(evidenceOf(seen, model, bad) - evidenceOf(seen, model));
}

/** @param only what each release is taken to be; default: whatever it may be. */
function evidenceOf(seen: readonly Seen[], model: SeriesModel, only?: readonly boolean[]): number {
  const logs = model.prior.rates.flatMap((rate, index) => {
    const { good, bad, log } = emissionsOf(seen, rate, model.hints);
    const emissions = only
      ? {
          log,
          good: good.map((p, release) => (only[release] ? 0 : p)),
          bad: bad.map((p, release) => (only[release] ? p : 0)),
        }
      : { good, bad, log };
    const weight = Math.log(model.prior.weights[index] ?? 0);
    return mendRates.map(
      (mendRate) => weight + forwardBackward(emissions, mendRate, model.switchesAt).evidence,
    );
  });
  const top = Math.max(...logs);
  if (top === Number.NEGATIVE_INFINITY) return top;
  return top + Math.log(logs.reduce((total, log) => total + Math.exp(log - top), 0));
}

interface Emissions {
  readonly good: Float64Array;
  readonly bad: Float64Array;
  /** Both are scaled so that the larger of them is 1 for each release; this is what was taken out. */
  readonly log: number;
}

function emissionsOf(seen: readonly Seen[], rate: number, hints: SeriesModel["hints"]): Emissions {
  const [good, bad] = [new Float64Array(seen.length), new Float64Array(seen.length)];
  let log = 0;
  for (const [release, { reproduced, clean }] of seen.entries()) {
    let ifBad =
      (reproduced === 0 ? 0 : reproduced * Math.log(rate)) + (clean === 0 ? 0 : clean * Math.log1p(-rate));
    let ifGood = reproduced === 0 ? 0 : Number.NEGATIVE_INFINITY;
    if (hints?.[release] === "bad") ifBad += Math.log(hintWeight);
    if (hints?.[release] === "good") ifGood += Math.log(hintWeight);
    const top = Math.max(ifBad, ifGood);
    if (top === Number.NEGATIVE_INFINITY) {
      log = top;
      continue;
    }
    log += top;
    good[release] = Math.exp(ifGood - top);
    bad[release] = Math.exp(ifBad - top);
  }
  return { good, bad, log };
}

function forwardBackward(
  { good, bad, log }: Emissions,
  mendRate: number,
  switchesAt: SeriesModel["switchesAt"],
): Omit<SeriesBelief, "rate"> {
  const size = good.length;
  const found = {
    bad: new Float64Array(size),
    brought: new Float64Array(size),
    mended: new Float64Array(size),
  };
  // Three numbers a release: not yet, bad, mended.
  const forward = new Float64Array(3 * size);
  const [breaks, mends, again] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
  let evidence = log;
  let [fresh, ill, well] = [...start] as [number, number, number];
  for (let release = 0; release < size; release += 1) {
    if (release > 0) {
      const weight = switchesAt?.[release] ?? 1;
      const a = Math.min(0.5, (broughtPerLine * weight) / size);
      const c = Math.min(0.9, mendRate * weight);
      const d = againPerLine / size;
      breaks[release] = a;
      mends[release] = c;
      again[release] = d;
      [fresh, ill, well] = [fresh * (1 - a), fresh * a + ill * (1 - c) + well * d, ill * c + well * (1 - d)];
    }
    const [ifGood = 0, ifBad = 0] = [good[release], bad[release]];
    fresh *= ifGood;
    ill *= ifBad;
    well *= ifGood;
    const sum = fresh + ill + well;
    if (!(sum > 0)) return { ...found, evidence: Number.NEGATIVE_INFINITY };
    evidence += Math.log(sum);
    fresh /= sum;
    ill /= sum;
    well /= sum;
    forward[3 * release] = fresh;
    forward[3 * release + 1] = ill;
    forward[3 * release + 2] = well;
  }
  let [afterFresh, afterIll, afterWell] = [1, 1, 1];
  for (let release = size - 1; release >= 0; release -= 1) {
    const [f = 0, i = 0, w = 0] = forward.subarray(3 * release, 3 * release + 3);
    const all = f * afterFresh + i * afterIll + w * afterWell;
    found.bad[release] = (i * afterIll) / all;
    if (release === 0) break;
    const [a = 0, c = 0, d = 0] = [breaks[release], mends[release], again[release]];
    const [pf = 0, pi = 0, pw = 0] = forward.subarray(3 * release - 3, 3 * release);
    const [ifGood = 0, ifBad = 0] = [good[release], bad[release]];
    const [ef, ei, ew] = [ifGood * afterFresh, ifBad * afterIll, ifGood * afterWell];
    const nextFresh = (1 - a) * ef + a * ei;
    const nextIll = (1 - c) * ei + c * ew;
    const nextWell = (1 - d) * ew + d * ei;
    const ways = pf * nextFresh + pi * nextIll + pw * nextWell;
    found.brought[release] = ((pf * a + pw * d) * ei) / ways;
    found.mended[release] = (pi * c * ew) / ways;
    const top = Math.max(nextFresh, nextIll, nextWell);
    [afterFresh, afterIll, afterWell] = [nextFresh / top, nextIll / top, nextWell / top];
  }
  return { ...found, evidence };
}
