import type { RateInterval } from "./wilson.ts";

/**
 * An interval of a rate that holds whenever one stops to look, so it may be used where the trials so far decide
 * whether there are more: a fixed-size interval such as Wilson's is too narrow there. It holds the rates that a
 * bet against them has not beaten 1 / (1 - confidence) times; the bettor mixes all rates by Jeffreys' prior.
 *
 * @param confidence such as 0.95.
 * @see https://arxiv.org/abs/1810.08240 (Howard, Ramdas, McAuliffe, Sekhon: confidence sequences)
 * @example anytimeInterval(1, 5, 0.95) // { rate: 0.2, low: 0.001, high: 0.797 }
 */
export function anytimeInterval(successes: number, trials: number, confidence: number): RateInterval {
  if (trials === 0) return { rate: Number.NaN, low: 0, high: 1 };
  const failures = trials - successes;
  const rate = successes / trials;
  let mixture = 0;
  for (let index = 0; index < successes; index += 1) mixture += Math.log(index + 0.5);
  for (let index = 0; index < failures; index += 1) mixture += Math.log(index + 0.5);
  for (let index = 1; index <= trials; index += 1) mixture -= Math.log(index);
  const limit = -Math.log(1 - confidence);
  const stands = (p: number): boolean =>
    mixture -
      (successes === 0 ? 0 : successes * Math.log(p)) -
      (failures === 0 ? 0 : failures * Math.log1p(-p)) <
    limit;
  // The likelihood falls on both sides of the rate that was seen.
  const end = (outside: number): number => {
    let [inner, outer] = [rate, outside];
    for (let step = 0; step < 60; step += 1) {
      const middle = (inner + outer) / 2;
      if (stands(middle)) inner = middle;
      else outer = middle;
    }
    return inner;
  };
  return { rate, low: successes === 0 ? 0 : end(0), high: failures === 0 ? 1 : end(1) };
}
