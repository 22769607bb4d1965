import { type RatePrior, unknownRate } from "../bisect/rates.ts";

/**
 * The prior of a rate that is not known, but that it is no lower than this. A map calls whole lines good: the lower the
 * rates that it allows for, the more clean trials that takes.
 *
 * @example ratesFrom(0.1).rates[0] // 0.1
 */
export function ratesFrom(least: number): RatePrior {
  const { rates, weights } = unknownRate();
  const kept = rates.flatMap((rate, index) => (rate > least ? [{ rate, weight: weights[index] ?? 0 }] : []));
  const all =
    least >= 1 ? [{ rate: 1, weight: 1 }] : [{ rate: least, weight: kept[0]?.weight ?? 1 }, ...kept];
  const sum = all.reduce((total, { weight }) => total + weight, 0);
  return { rates: all.map(({ rate }) => rate), weights: all.map(({ weight }) => weight / sum) };
}
