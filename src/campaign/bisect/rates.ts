/** What is believed of the reproduction rate before the bisection: values and their weights. */
export interface RatePrior {
  readonly rates: readonly number[];
  readonly weights: readonly number[];
}

/** The rate is known, for example because the user says so. @example knownRate(0.2) */
export function knownRate(rate: number): RatePrior {
  return { rates: [rate], weights: [1] };
}

/**
 * Nothing is known of the rate. A part of the weight says that the failure is deterministic; the rest covers
 * rates from 2 % up, nearly the same weight on each halving. The weights are not a guess of how often which rate
 * is met: they are set so that bisections are right equally often at every rate, because trusting high rates too
 * soon is how a bisection goes wrong.
 */
export function unknownRate(): RatePrior {
  const [lowest, highest, count, always, slope] = [0.02, 0.95, 17, 0.15, 0.35];
  const rates = Array.from(
    { length: count },
    (_, index) => lowest * (highest / lowest) ** (index / (count - 1)),
  );
  const sum = rates.reduce((total, rate) => total + rate ** slope, 0);
  return {
    rates: [...rates, 1],
    weights: [...rates.map((rate) => ((1 - always) * rate ** slope) / sum), always],
  };
}

/**
 * The prior after trials of the same repro in cells known to be bad: exact, by Bayes' rule.
 *
 * @example learnedRate(unknownRate(), { reproduced: 8, clean: 2 })
 */
export function learnedRate(
  prior: RatePrior,
  seen: { readonly reproduced: number; readonly clean: number },
): RatePrior {
  const logs = prior.rates.map(
    (rate, index) =>
      Math.log(prior.weights[index] ?? 0) +
      (seen.reproduced > 0 ? seen.reproduced * Math.log(rate) : 0) +
      (seen.clean > 0 ? seen.clean * Math.log1p(-rate) : 0),
  );
  const top = Math.max(...logs);
  const weights = logs.map((log) => Math.exp(log - top));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return { rates: prior.rates, weights: weights.map((weight) => weight / sum) };
}

/** Entropy in bits of a coin that shows heads with a probability. */
export function coinEntropy(p: number): number {
  return p <= 0 || p >= 1 ? 0 : -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p));
}

/**
 * Capacity in bits of the Z-channel: a bad candidate shows itself with the given rate, a good one never does.
 *
 * @see https://en.wikipedia.org/wiki/Z-channel_(information_theory)
 */
export function capacity(rate: number): number {
  const miss = 1 - rate;
  return rate >= 1 ? 1 : Math.log2(1 + rate * miss ** (miss / rate));
}

/** What a number of clean trials at bad points says, for a fixed number of reproductions. */
export interface RateRow {
  /** Log of the probability of such a record, up to a constant. */
  readonly evidence: Float64Array;
  /** Mean rate given the record. */
  readonly rate: Float64Array;
}

/**
 * What to expect, after a number of clean trials at bad points, of a block: trials of one bad point that go on
 * until the first reproduction, but to a largest number.
 */
export interface Block {
  /** Probability that one of them reproduces. */
  readonly shows: Float64Array;
  /** Entropy in bits of whether one does. */
  readonly entropy: Float64Array;
  /** Mean number of trials. */
  readonly trials: Float64Array;
}

/**
 * The likelihood of a record needs two numbers only: all reproductions lie at bad points, so their count is
 * the same for every candidate that is still possible; candidates differ in how many clean trials lie at bad
 * points. This table holds what follows from the two.
 */
export class RateTable {
  readonly #prior: RatePrior;
  readonly #rows = new Map<number, RateRow>();
  readonly #blocks = new Map<string, Block>();
  readonly known: boolean;

  constructor(prior: RatePrior) {
    this.#prior = prior;
    this.known = prior.weights.filter((weight) => weight > 0).length === 1;
  }

  /** The row for a number of reproductions, for up to `clean` clean trials. */
  row(reproduced: number, clean: number): RateRow {
    const found = this.#rows.get(reproduced);
    if (found && found.rate.length > clean) return found;
    const row = makeRow(this.#prior, reproduced, roundUp(clean + 1));
    this.#rows.set(reproduced, row);
    return row;
  }

  /** What to expect of a block of up to `trials` trials, after the same. */
  block(reproduced: number, clean: number, trials: number): Block {
    const key = `${reproduced} ${trials}`;
    const found = this.#blocks.get(key);
    if (found && found.shows.length > clean) return found;
    const size = roundUp(clean + 1);
    const block = makeBlock(this.row(reproduced, size + trials), size, trials);
    this.#blocks.set(key, block);
    return block;
  }
}

function roundUp(size: number): number {
  return Math.max(64, 2 ** Math.ceil(Math.log2(size)));
}

function makeRow({ rates, weights }: RatePrior, reproduced: number, size: number): RateRow {
  const row = { evidence: new Float64Array(size), rate: new Float64Array(size) };
  const start = rates.map((rate, index) => Math.log(weights[index] ?? 0) + reproduced * Math.log(rate));
  const perClean = rates.map((rate) => Math.log1p(-rate));
  for (let clean = 0; clean < size; clean += 1) {
    const logs = start.map((log, index) => (clean === 0 ? log : log + clean * (perClean[index] ?? 0)));
    const top = Math.max(...logs);
    if (top === Number.NEGATIVE_INFINITY) {
      row.evidence[clean] = top;
      continue;
    }
    let sum = 0;
    let rate = 0;
    for (const [index, log] of logs.entries()) {
      const weight = Math.exp(log - top);
      sum += weight;
      rate += weight * (rates[index] ?? 0);
    }
    row.evidence[clean] = top + Math.log(sum);
    row.rate[clean] = rate / sum;
  }
  return row;
}

function makeBlock({ evidence }: RateRow, size: number, trials: number): Block {
  const block = {
    shows: new Float64Array(size),
    entropy: new Float64Array(size),
    trials: new Float64Array(size),
  };
  for (let clean = 0; clean < size; clean += 1) {
    const now = evidence[clean] ?? 0;
    // A record that no rate explains is nobody's: it weighs nothing.
    if (now === Number.NEGATIVE_INFINITY) continue;
    /** Probability that the next trials are all clean. */
    const quiet = (count: number): number => Math.exp((evidence[clean + count] ?? 0) - now);
    for (let count = 0; count < trials; count += 1)
      block.trials[clean] = (block.trials[clean] ?? 0) + quiet(count);
    const shows = 1 - quiet(trials);
    block.shows[clean] = shows;
    block.entropy[clean] = coinEntropy(shows);
  }
  return block;
}
