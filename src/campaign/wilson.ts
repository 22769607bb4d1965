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
