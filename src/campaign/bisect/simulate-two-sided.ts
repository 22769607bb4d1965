import { type RateInterval, wilsonInterval } from "../matrix/wilson.ts";
import { conclude } from "./conclude.ts";
import { linearHistory } from "./history.ts";
import { seededRandom } from "./random.ts";
import {
  chooseTwoSided,
  initialTwoSided,
  observeTwoSided,
  orderedRates,
  type RatePairModel,
} from "./two-sided.ts";

/**
 * Two ways to bisect with noise on both sides: ours, and one that asks each time for the trial after which least
 * uncertainty is expected, with each rate by itself beforehand as likely as any other by Jeffreys' prior, and that stops
 * when an answer is as likely as asked. The latter is what `git bayesect` describes.
 *
 * @see https://github.com/hauntsaninja/git_bayesect
 */
export const twoSidedPolicies = ["dstate", "greedy-entropy"] as const;
export type TwoSidedPolicy = (typeof twoSidedPolicies)[number];

export interface TwoSidedSimulationOptions {
  readonly candidates: number;
  /** How often a bad candidate reproduces, and a good one. */
  readonly bad: number;
  readonly good: number;
  readonly policy: TwoSidedPolicy;
  readonly confidence: number;
  readonly runs: number;
  readonly seed: number;
}

export interface TwoSidedSimulation {
  /** Mean number of trials. */
  readonly trials: number;
  /** Share of runs that named the right candidate, with its 95 % interval. */
  readonly right: RateInterval;
}

/** Bisect made-up histories, the first bad candidate uniform. The same seed, the same histories for every policy. */
export function simulateTwoSided(options: TwoSidedSimulationOptions): TwoSidedSimulation {
  const { candidates, bad, good, policy, confidence } = options;
  const history = linearHistory(candidates);
  const rates = policy === "dstate" ? orderedRates() : independentRates();
  const random = seededRandom(options.seed);
  let [trials, right] = [0, 0];
  for (let run = 0; run < options.runs; run += 1) {
    const truth = 1 + Math.floor(random() * candidates);
    let belief = initialTwoSided(history, rates, { endsDiffer: policy === "greedy-entropy" });
    for (let count = 0; count < 20_000; count += 1) {
      const answer = policy === "dstate" ? concluded(belief, confidence) : likeliest(belief, confidence);
      if (answer !== undefined) {
        if (answer === truth) right += 1;
        break;
      }
      // Before anything is known of rates that may be any, no trial is expected to tell more than another.
      const test =
        chooseTwoSided(belief, { aim: policy === "dstate" ? "confirm" : "inform" }) ??
        Math.floor(candidates / 2);
      trials += 1;
      const outcome = random() < (test >= truth ? bad : good) ? "reproduced" : "clean";
      belief = observeTwoSided(belief, { test, outcome });
    }
  }
  return { trials: trials / options.runs, right: wilsonInterval(right, options.runs) };
}

type Belief = ReturnType<typeof initialTwoSided>;

/** @returns undefined while nothing is certain; -1 for an answer that names no candidate. */
function concluded(belief: Belief, confidence: number): number | undefined {
  const conclusion = conclude(belief, { confidence });
  if (conclusion.type === "open") return undefined;
  return conclusion.type === "found" ? (conclusion.suspects.hypotheses[0] ?? -1) : -1;
}

function likeliest({ probability }: Belief, confidence: number): number | undefined {
  const best = probability.reduce((most, p, index) => (p > (probability[most] ?? 0) ? index : most), 0);
  return (probability[best] ?? 0) >= confidence ? best : undefined;
}

/** Each rate by itself, by Jeffreys' prior: a beta distribution with two halves. */
function independentRates(): RatePairModel {
  const side = ({ reproduced, clean }: { reproduced: number; clean: number }): number =>
    logGammaHalf(reproduced) + logGammaHalf(clean) - logGammaWhole(reproduced + clean);
  const rate = ({ reproduced, clean }: { reproduced: number; clean: number }): number =>
    (reproduced + 0.5) / (reproduced + clean + 1);
  return ({ bad, good }) => ({ log: side(bad) + side(good), bad: rate(bad), good: rate(good) });
}

const halves = [0];
const wholes = [0];

/** log Γ(n + ½), up to a constant. */
function logGammaHalf(n: number): number {
  for (let next = halves.length; next <= n; next += 1)
    halves.push((halves[next - 1] ?? 0) + Math.log(next - 0.5));
  return halves[n] ?? 0;
}

/** log Γ(n + 1). */
function logGammaWhole(n: number): number {
  for (let next = wholes.length; next <= n; next += 1) wholes.push((wholes[next - 1] ?? 0) + Math.log(next));
  return wholes[n] ?? 0;
}
