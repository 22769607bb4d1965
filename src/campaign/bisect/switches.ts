import type { Observation } from "./posterior.ts";
import type { RatePrior } from "./rates.ts";

/** One in a hundred histories is expected to be fixed and broken again. */
const rare = 0.01;

/**
 * How likely it is that candidates in a row are not split by one switch: the failure came, went and perhaps
 * came again. Exact for all places of the switches, by summing over them.
 *
 * @param candidates number of candidates; tests are numbered 0 (the good end) to this number (the bad end).
 * @returns a probability between 0 and 1.
 */
export function severalSwitches(
  candidates: number,
  observations: readonly Observation[],
  prior: RatePrior,
): number {
  const tests = candidates + 1;
  const reproduced = new Int32Array(tests);
  const clean = new Int32Array(tests);
  for (const { test, outcome } of observations) {
    const counts = outcome === "clean" ? clean : reproduced;
    counts[test] = (counts[test] ?? 0) + 1;
  }
  const one: number[] = [];
  const several: number[] = [];
  for (const [index, rate] of prior.rates.entries()) {
    const weight = Math.log(prior.weights[index] ?? 0);
    const [single, more] = sumOfPaths(reproduced, clean, rate);
    one.push(weight + single);
    several.push(weight + more);
  }
  const ways = (tests * (tests + 1) * (tests + 5)) / 6;
  const logOdds =
    logSum(several) -
    Math.log(ways) +
    Math.log(rare) -
    (logSum(one) - Math.log(tests + 1) + Math.log1p(-rare));
  return 1 / (1 + Math.exp(-logOdds));
}

/** Log likelihoods, summed over all places, of at most one switch, and of two or three. */
function sumOfPaths(reproduced: Int32Array, clean: Int32Array, rate: number): [number, number] {
  // Good, bad, good again, bad again; scaled at every step so that nothing underflows.
  let states = [1, 0, 0, 0];
  let scale = 0;
  for (const [test, bads] of reproduced.entries()) {
    const cleans = clean[test] ?? 0;
    const bad = rate ** bads * (1 - rate) ** cleans;
    const good = bads === 0 ? 1 : 0;
    const before = states;
    const from = (state: number): number => (before[state] ?? 0) + (before[state - 1] ?? 0);
    states = [from(0) * good, from(1) * bad, from(2) * good, from(3) * bad];
    const sum = states.reduce((total, state) => total + state, 0);
    if (sum === 0) return [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    states = states.map((state) => state / sum);
    scale += Math.log(sum);
  }
  const [a = 0, b = 0, c = 0, d = 0] = states;
  return [scale + Math.log(a + b), scale + Math.log(c + d)];
}

function logSum(logs: readonly number[]): number {
  const top = Math.max(...logs);
  if (top === Number.NEGATIVE_INFINITY) return top;
  return top + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - top), 0));
}
