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
 * Nothing is known of the rate. Half of the weight says that the failure is deterministic; the rest covers
 * rates down to 2 %, more of it on rates that a user would have noticed.
 */
export function unknownRate(): RatePrior {
  const [lowest, highest, count, always] = [0.02, 0.95, 17, 0.5];
  const rates = Array.from(
    { length: count },
    (_, index) => lowest * (highest / lowest) ** (index / (count - 1)),
  );
  const sum = rates.reduce((total, rate) => total + rate, 0);
  return {
    rates: [...rates, 1],
    weights: [...rates.map((rate) => ((1 - always) * rate) / sum), always],
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
  /** Entropy in bits of the next trial at a bad point. */
  readonly entropy: Float64Array;
  /** The same, were the rate told. */
  readonly entropyGivenRate: Float64Array;
}

/**
 * The likelihood of a record needs two numbers only: all reproductions lie at bad points, so their count is
 * the same for every candidate that is still possible; candidates differ in how many clean trials lie at bad
 * points. This table holds what follows from the two.
 */
export class RateTable {
  readonly #prior: RatePrior;
  readonly #rows = new Map<number, { size: number; row: RateRow }>();
  readonly known: boolean;

  constructor(prior: RatePrior) {
    this.#prior = prior;
    this.known = prior.weights.filter((weight) => weight > 0).length === 1;
  }

  /** The row for a number of reproductions, for up to `clean` clean trials. */
  row(reproduced: number, clean: number): RateRow {
    const found = this.#rows.get(reproduced);
    if (found && found.size > clean) return found.row;
    const size = Math.max(64, 2 ** Math.ceil(Math.log2(clean + 2)));
    const row = makeRow(this.#prior, reproduced, size);
    this.#rows.set(reproduced, { size, row });
    return row;
  }
}

function makeRow({ rates, weights }: RatePrior, reproduced: number, size: number): RateRow {
  const row = {
    evidence: new Float64Array(size),
    rate: new Float64Array(size),
    entropy: new Float64Array(size),
    entropyGivenRate: new Float64Array(size),
  };
  const start = rates.map((rate, index) => Math.log(weights[index] ?? 0) + reproduced * Math.log(rate));
  const perClean = rates.map((rate) => Math.log1p(-rate));
  const entropies = rates.map(coinEntropy);
  for (let clean = 0; clean < size; clean += 1) {
    const logs = start.map((log, index) => (clean === 0 ? log : log + clean * (perClean[index] ?? 0)));
    const top = Math.max(...logs);
    if (top === Number.NEGATIVE_INFINITY) {
      row.evidence[clean] = top;
      continue;
    }
    let sum = 0;
    let rate = 0;
    let given = 0;
    for (const [index, log] of logs.entries()) {
      const weight = Math.exp(log - top);
      sum += weight;
      rate += weight * (rates[index] ?? 0);
      given += weight * (entropies[index] ?? 0);
    }
    row.evidence[clean] = top + Math.log(sum);
    row.rate[clean] = rate / sum;
    row.entropy[clean] = coinEntropy(rate / sum);
    row.entropyGivenRate[clean] = given / sum;
  }
  return row;
}
