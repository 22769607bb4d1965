import { type Belief, expectedRate } from "./posterior.ts";
import { capacity, coinEntropy } from "./rates.ts";

export interface ChooseOptions {
  /** 0: this test cannot be made, for example because the commit does not build. Default: every test can. */
  readonly testable?: Uint8Array | undefined;
  /** Cost of each test in seconds, or in anything else that is the same for all. Default: all cost the same. */
  readonly cost?: Float64Array | undefined;
}

/** Hypotheses that are more likely than this are told apart from the rest exactly. */
const heavy = 0.02;
/** How much a bit about the rate is worth, beside a bit about the place. */
const worthOfRate = 0.3;

/**
 * The test that tells most for its cost; undefined when none tells anything.
 *
 * What a test tells is the expected gain of the log-odds of the truth (the extrinsic Jensen-Shannon
 * divergence): far from the end that is the mutual information with the place of the switch; near the end,
 * where mutual information cares most about the unlikely ways to be wrong, it cares about confirming the
 * likely answer fast. A test is also credited with what it tells of the rate, which later trials need.
 *
 * @see https://arxiv.org/abs/1307.0401 (Naghshvar, Javidi, Wigger: extrinsic Jensen-Shannon divergence)
 */
export function chooseTest(belief: Belief, options: ChooseOptions = {}): number | undefined {
  const { history, probability, table } = belief;
  const likely: number[] = [];
  if (!table.known)
    for (let hypothesis = belief.first; hypothesis <= belief.last; hypothesis += 1)
      if ((probability[hypothesis] ?? 0) > heavy) likely.push(hypothesis);
  let best: number | undefined;
  let most = 1e-12;
  const consider = (test: number, sums: Sums): void => {
    if (options.testable?.[test] === 0) return;
    const gain = gainOf(belief, test, sums, likely) / (options.cost?.[test] ?? 1);
    if (gain > most) {
      most = gain;
      best = test;
    }
  };
  if (history.linear) {
    const sums = noSums();
    for (let test = belief.first; test <= Math.min(belief.last, history.candidates); test += 1) {
      add(belief, test, sums);
      consider(test, sums);
    }
    // A test right of every hypothesis that is left tells of the rate alone; nearer ones tell as much.
    return best;
  }
  for (let test = 0; test <= history.candidates; test += 1) {
    if (options.testable?.[test] === 0) continue;
    const sums = noSums();
    for (const hypothesis of history.covered(test)) add(belief, hypothesis, sums);
    consider(test, sums);
  }
  return best;
}

/**
 * What a trial of each candidate costs, with the cost of building it spread over the trials that it will see: a
 * bit takes 1 / capacity trials, and a new kernel is worth about a bit.
 *
 * @param cost is filled in.
 * @param build seconds to build each candidate; 0 for what is built already.
 */
export function spreadCost(cost: Float64Array, build: Float64Array, trial: number, belief: Belief): void {
  const share = 0.7 * capacity(Math.max(expectedRate(belief), 0.01));
  for (let test = 0; test < cost.length; test += 1) cost[test] = trial + share * (build[test] ?? 0);
}

interface Sums {
  /** Probability that the trial reproduces. */
  reproduced: number;
  /** Bits of the outcome that are noise, were the place told; and were the rate told too. */
  noise: number;
  noiseGivenRate: number;
}

function noSums(): Sums {
  return { reproduced: 0, noise: 0, noiseGivenRate: 0 };
}

function add(belief: Belief, hypothesis: number, sums: Sums): void {
  const p = belief.probability[hypothesis] ?? 0;
  if (p === 0) return;
  const clean = belief.clean[hypothesis] ?? 0;
  sums.reproduced += p * (belief.row.rate[clean] ?? 0);
  sums.noise += p * (belief.row.entropy[clean] ?? 0);
  sums.noiseGivenRate += p * (belief.row.entropyGivenRate[clean] ?? 0);
}

function gainOf(belief: Belief, test: number, sums: Sums, likely: readonly number[]): number {
  const whole = Math.min(sums.reproduced, 1);
  let gain = coinEntropy(whole) - sums.noise + worthOfRate * (sums.noise - sums.noiseGivenRate);
  for (const hypothesis of likely) {
    const p = belief.probability[hypothesis] ?? 0;
    if (p >= 1) continue;
    const own = belief.history.covers(test, hypothesis)
      ? (belief.row.rate[belief.clean[hypothesis] ?? 0] ?? 0)
      : 0;
    const others = Math.min(Math.max((whole - p * own) / (1 - p), 0), 1);
    // D(own || others) - D(own || whole), and no more than 30 bits where `others` excludes what `own` allows.
    if (own > 0) gain += p * own * Math.log2(whole / Math.max(others, 1e-9));
    if (own < 1) gain += p * (1 - own) * Math.log2(Math.max(1 - whole, 1e-300) / Math.max(1 - others, 1e-9));
  }
  return gain;
}
