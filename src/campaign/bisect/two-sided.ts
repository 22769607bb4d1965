import type { History } from "./history.ts";
import type { Observation, Weights } from "./posterior.ts";
import { coinEntropy } from "./rates.ts";

/** Trials on the two sides of a switch that somebody supposes. */
export interface SplitCounts {
  readonly bad: { readonly reproduced: number; readonly clean: number };
  readonly good: { readonly reproduced: number; readonly clean: number };
}

/** What such counts say: how likely they are, and what the next trial on either side will show. */
export interface SplitEvidence {
  /** Log of their probability, up to a constant. */
  readonly log: number;
  /** Probability that a trial at a bad point reproduces, given the counts. */
  readonly bad: number;
  /** And at a good point. */
  readonly good: number;
}

/** What is taken for granted of the two rates. */
export type RatePairModel = (counts: SplitCounts) => SplitEvidence;

/**
 * What is believed of the first bad candidate where good ones show the failure too, only less often, and neither rate is
 * known. In a history of n candidates the hypothesis n + 1 is that the ends do not differ; the hypothesis 0, that all is
 * bad, cannot be told from it.
 */
export interface TwoSidedBelief {
  readonly model: "two-sided";
  readonly history: History;
  readonly rates: RatePairModel;
  /** As in a {@link Belief}. */
  readonly suspicion?: Float64Array | undefined;
  readonly total: { readonly reproduced: number; readonly clean: number };
  /** For each hypothesis, trials at points that are bad under it. */
  readonly reproduced: Int32Array;
  readonly clean: Int32Array;
  readonly first: number;
  readonly last: number;
  readonly probability: Float64Array;
  /** For each hypothesis, the rates to expect under it. */
  readonly badRate: Float64Array;
  readonly goodRate: Float64Array;
}

/** Rates from "hardly ever" to "nearly always", both ends included. */
const grid = [
  0, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8,
].concat([0.85, 0.9, 0.95, 0.98, 0.99, 1]);

/**
 * Both rates unknown, but a bad candidate reproduces more often than a good one. Every pair of different rates from a grid
 * is as likely as any other.
 */
export function orderedRates(): RatePairModel {
  const logs = grid.map((rate) => [Math.log(rate), Math.log1p(-rate)] as const);
  const power = (index: number, { reproduced, clean }: SplitCounts["bad"]): number => {
    const [log = 0, miss = 0] = logs[index] ?? [];
    return (reproduced === 0 ? 0 : reproduced * log) + (clean === 0 ? 0 : clean * miss);
  };
  return ({ bad, good }) => {
    const ofBad = grid.map((_, index) => power(index, bad));
    const ofGood = grid.map((_, index) => power(index, good));
    const topBad = Math.max(...ofBad);
    const topGood = Math.max(...ofGood);
    let [sum, sumBad, sumGood] = [0, 0, 0];
    // For each bad rate, the good ones below it, summed as it rises.
    let [below, belowRate] = [0, 0];
    for (const [index, rate] of grid.entries()) {
      const weight = Math.exp((ofBad[index] ?? 0) - topBad);
      sum += weight * below;
      sumBad += weight * below * rate;
      sumGood += weight * belowRate;
      const own = Math.exp((ofGood[index] ?? 0) - topGood);
      below += own;
      belowRate += own * rate;
    }
    if (sum === 0) return { log: Number.NEGATIVE_INFINITY, bad: 0, good: 0 };
    return { log: topBad + topGood + Math.log(sum), bad: sumBad / sum, good: sumGood / sum };
  };
}

/**
 * The belief before any trial.
 *
 * @param options.weights as for a bisection with a known good end.
 * @param options.endsDiffer take for granted that there is a first bad one. Default: it is one more hypothesis.
 */
export function initialTwoSided(
  history: History,
  rates: RatePairModel = orderedRates(),
  { endsDiffer = false, weights }: { readonly endsDiffer?: boolean; readonly weights?: Weights } = {},
): TwoSidedBelief {
  const size = history.candidates + 2;
  return weigh({
    model: "two-sided",
    history,
    rates,
    suspicion: weights && Float64Array.from(weights, Math.log),
    total: { reproduced: 0, clean: 0 },
    reproduced: new Int32Array(size),
    clean: new Int32Array(size),
    first: 1,
    last: size - (endsDiffer ? 2 : 1),
    probability: new Float64Array(size),
    badRate: new Float64Array(size),
    goodRate: new Float64Array(size),
  });
}

/** The belief after more trials, exactly by Bayes' rule. The given belief is used up. */
export function observeTwoSided(
  belief: TwoSidedBelief,
  ...observations: readonly Observation[]
): TwoSidedBelief {
  const total = { ...belief.total };
  for (const { test, outcome } of observations) {
    const counts = belief[outcome];
    for (const hypothesis of belief.history.covered(test)) counts[hypothesis] = (counts[hypothesis] ?? 0) + 1;
    total[outcome] += 1;
  }
  return weigh({ ...belief, total });
}

function weigh(belief: TwoSidedBelief): TwoSidedBelief {
  const { last, total, reproduced, clean, probability, badRate, goodRate, suspicion } = belief;
  // Hypotheses between two tests that were made are alike: there are only a few kinds.
  const known = new Map<number, SplitEvidence>();
  let top = Number.NEGATIVE_INFINITY;
  const logs = new Float64Array(last + 1).fill(Number.NEGATIVE_INFINITY);
  for (let hypothesis = 1; hypothesis <= last; hypothesis += 1) {
    const [r, c] = [reproduced[hypothesis] ?? 0, clean[hypothesis] ?? 0];
    const key = r * (total.clean + 1) + c;
    let found = known.get(key);
    if (!found) {
      found = belief.rates({
        bad: { reproduced: r, clean: c },
        good: { reproduced: total.reproduced - r, clean: total.clean - c },
      });
      known.set(key, found);
    }
    const log = found.log + (suspicion?.[hypothesis] ?? 0);
    logs[hypothesis] = log;
    badRate[hypothesis] = found.bad;
    goodRate[hypothesis] = found.good;
    top = Math.max(top, log);
  }
  probability.fill(0);
  let sum = 0;
  for (let hypothesis = 1; hypothesis <= last; hypothesis += 1) {
    const p = Math.exp((logs[hypothesis] ?? 0) - top);
    probability[hypothesis] = p;
    sum += p;
  }
  for (let hypothesis = 1; hypothesis <= last; hypothesis += 1)
    probability[hypothesis] = (probability[hypothesis] ?? 0) / sum;
  return belief;
}

/** Rates of a bad and of a good candidate, in the mean over the hypotheses. */
export function expectedRates({ probability, badRate, goodRate }: TwoSidedBelief): {
  bad: number;
  good: number;
} {
  const mean = (rates: Float64Array): number =>
    rates.reduce((sum, rate, hypothesis) => sum + rate * (probability[hypothesis] ?? 0), 0);
  return { bad: mean(badRate), good: mean(goodRate) };
}

export interface ChooseTwoSidedOptions {
  readonly testable?: Uint8Array | undefined;
  readonly seconds?: { readonly trial: number; readonly build: Float64Array };
  /** `confirm`, the default, cares about confirming a likely answer fast; `inform` asks for information alone. */
  readonly aim?: "confirm" | "inform";
}

/** Hypotheses that are more likely than this are told apart from the rest exactly. */
const heavy = 0.1;
const blockSizes = [1, 2, 4, 8, 16, 32];

/**
 * The test that tells most for its cost: the expected gain of the log-odds of the truth, as in `choose.ts`, with noise on
 * both sides.
 */
export function chooseTwoSided(
  belief: TwoSidedBelief,
  options: ChooseTwoSidedOptions = {},
): number | undefined {
  const { history, last, probability, badRate, goodRate } = belief;
  const { testable, seconds, aim = "confirm" } = options;
  const rivals: { hypothesis: number; p: number }[] = [];
  let [goodShows, goodNoise] = [0, 0];
  for (let hypothesis = 1; hypothesis <= last; hypothesis += 1) {
    const p = probability[hypothesis] ?? 0;
    const rate = goodRate[hypothesis] ?? 0;
    if (aim === "confirm" && p > heavy && p < 1) rivals.push({ hypothesis, p });
    goodShows += p * rate;
    goodNoise += p * coinEntropy(rate);
  }
  const rates = expectedRates(belief);
  let best: number | undefined;
  let highest = 1e-12;
  let sums = { bad: 0, shows: goodShows, noise: goodNoise };
  const add = (hypothesis: number): void => {
    const p = probability[hypothesis] ?? 0;
    if (p === 0) return;
    const [ofBad, ofGood] = [badRate[hypothesis] ?? 0, goodRate[hypothesis] ?? 0];
    sums.bad += p;
    sums.shows += p * (ofBad - ofGood);
    sums.noise += p * (coinEntropy(ofBad) - coinEntropy(ofGood));
  };
  for (let test = 0; test <= history.candidates; test += 1) {
    if (history.linear) add(test);
    if (testable?.[test] === 0) continue;
    if (!history.linear) {
      sums = { bad: 0, shows: goodShows, noise: goodNoise };
      for (const hypothesis of history.covered(test)) add(hypothesis);
    }
    const whole = Math.min(Math.max(sums.shows, 0), 1);
    let gain = coinEntropy(whole) - sums.noise;
    for (const { hypothesis, p } of rivals) {
      const own = (history.covers(test, hypothesis) ? badRate : goodRate)[hypothesis] ?? 0;
      const others = Math.min(Math.max((whole - p * own) / (1 - p), 1e-9), 1 - 1e-9);
      if (own > 0) gain += p * own * Math.log2(whole / others);
      if (own < 1) gain += p * (1 - own) * Math.log2(Math.max(1 - whole, 1e-300) / (1 - others));
    }
    const trial = seconds?.trial ?? 1;
    const build = seconds?.build[test] ?? 0;
    const worth = build === 0 ? gain / trial : gain * bestBlock(sums.bad, rates, { build, trial });
    if (worth > highest) [best, highest] = [test, worth];
  }
  return best;
}

/** How many times more a block of trials tells than one, for each second that building and running it takes. */
function bestBlock(
  bad: number,
  rates: { readonly bad: number; readonly good: number },
  seconds: { readonly build: number; readonly trial: number },
): number {
  const single = blockInformation(bad, rates, 1);
  let best = 0;
  for (const size of blockSizes) {
    const times = single > 1e-12 ? blockInformation(bad, rates, size) / single : size;
    const worth = times / (seconds.build + size * seconds.trial);
    if (worth <= best) break;
    best = worth;
  }
  return best;
}

/** Bits that the number of reproductions among some trials of one candidate tells of whether it is bad. */
function blockInformation(
  bad: number,
  rates: { readonly bad: number; readonly good: number },
  size: number,
): number {
  let bits = 0;
  let ways = 1;
  for (let shown = 0; shown <= size; shown += 1) {
    const ofBad = ways * rates.bad ** shown * (1 - rates.bad) ** (size - shown);
    const ofGood = ways * rates.good ** shown * (1 - rates.good) ** (size - shown);
    const whole = bad * ofBad + (1 - bad) * ofGood;
    if (ofBad > 0 && bad > 0) bits += bad * ofBad * Math.log2(ofBad / whole);
    if (ofGood > 0 && bad < 1) bits += (1 - bad) * ofGood * Math.log2(ofGood / whole);
    ways = (ways * (size - shown)) / (shown + 1);
  }
  return Math.max(bits, 0);
}
