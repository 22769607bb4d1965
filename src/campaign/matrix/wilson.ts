/** An interval that holds the true rate. */
export interface RateInterval {
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The Wilson score interval of a rate: it stays within 0 and 1, and says something of rates never seen.
 *
 * @param z 1.96 for 95 %.
 * @see https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval
 * @example wilsonInterval(0, 10) // { rate: 0, low: 0, high: 0.278 }
 */
export function wilsonInterval(successes: number, trials: number, z = 1.96): RateInterval {
  if (trials === 0) return { rate: Number.NaN, low: 0, high: 1 };
  const rate = successes / trials;
  const square = z ** 2;
  const middle = (rate + square / (2 * trials)) / (1 + square / trials);
  const half =
    (z * Math.sqrt((rate * (1 - rate)) / trials + square / (4 * trials ** 2))) / (1 + square / trials);
  return {
    rate,
    low: successes === 0 ? 0 : Math.max(0, middle - half),
    high: successes === trials ? 1 : Math.min(1, middle + half),
  };
}

/**
 * How many standard deviations on both sides of the mean hold a share of a normal distribution.
 *
 * @param confidence above 0 and below 1.
 * @example deviationsFor(0.95) // 1.96
 */
export function deviationsFor(confidence: number): number {
  // Simpson's rule, 200 pieces, is exact to ten digits here.
  const share = (z: number): number => {
    let sum = 0;
    for (let piece = 0; piece <= 200; piece += 1) {
      const weight = piece === 0 || piece === 200 ? 1 : piece % 2 === 1 ? 4 : 2;
      sum += weight * Math.exp(-(((z * piece) / 200) ** 2 / 2));
    }
    return ((z / 600) * sum * 2) / Math.sqrt(2 * Math.PI);
  };
  let [low, high] = [0, 8];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (share(middle) < confidence) low = middle;
    else high = middle;
  }
  return low;
}
