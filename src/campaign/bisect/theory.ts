import { capacity, coinEntropy } from "./rates.ts";

/**
 * The yardstick: trials that the channel's capacity asks for to say which one of the candidates it is.
 *
 * @example yardstick(1024, 0.2) // 88
 */
export function yardstick(candidates: number, rate: number): number {
  return Math.log2(candidates) / capacity(rate);
}

/**
 * The least multiple of the yardstick that any policy needs, in the mean over the candidates, when it does not
 * know the rate and is right with a confidence at every rate.
 *
 * Take a policy, the rate q and the first bad candidate h. The channel with the rate q has a capacity C, reached
 * when a share p = 1 - 2^-C of its outputs is "reproduced"; in other words, p is the one rate for which
 * D(q || p) = D(0 || p) = C. So compare with the rate p and a first bad candidate older than h: a trial at a
 * point that is bad under both tells C bits between the two stories whether or not it is bad at the rate q, and
 * any other trial tells nothing. No choice of tests gets more. To name h with a confidence under the one story,
 * and to name it wrongly under all of the others together no more often than allowed, takes
 * confidence * (mean of log2(older candidates) + log2(1 / (1 - confidence))) - H(confidence) bits by the
 * data-processing inequality.
 *
 * @see https://en.wikipedia.org/wiki/Data_processing_inequality
 * @example leastMultiple(1024, 0.99) // 1.497
 */
export function leastMultiple(candidates: number, confidence: number): number {
  let older = 0;
  for (let first = 2; first <= candidates; first += 1) older += Math.log2(first - 1);
  const bits = confidence * (older / candidates - Math.log2(1 - confidence)) - coinEntropy(confidence);
  return bits / Math.log2(candidates);
}

/**
 * Seconds that no policy can beat, even with the rate known. A trial tells at most the capacity, and all trials
 * of one candidate together tell at most whether it is bad: a bit. So both the trials and the builds have to
 * carry what an answer with that confidence takes, by Fano's inequality.
 *
 * @see https://en.wikipedia.org/wiki/Fano%27s_inequality
 */
export function leastSeconds(options: {
  readonly candidates: number;
  readonly confidence: number;
  readonly rate: number;
  readonly seconds: { readonly build: number; readonly trial: number };
}): number {
  const { candidates, confidence, rate, seconds } = options;
  const bits = Math.log2(candidates) - coinEntropy(confidence) - (1 - confidence) * Math.log2(candidates - 1);
  return bits * (seconds.build + seconds.trial / capacity(rate));
}
