import { type ChooseOptions, chooseTest } from "./choose.ts";
import type { History } from "./history.ts";
import {
  type Belief,
  expectedRate,
  initialBelief,
  type Observation,
  observe,
  type Weights,
} from "./posterior.ts";
import { type RatePrior, RateTable } from "./rates.ts";
import {
  chooseTwoSided,
  expectedRates,
  initialTwoSided,
  observeTwoSided,
  type TwoSidedBelief,
} from "./two-sided.ts";

/** What is believed: that good candidates never show the failure, or that they may, only less often. */
export type AnyBelief = Belief | TwoSidedBelief;

/**
 * @param prior of a bad candidate's rate; undefined: both rates are unknown.
 * @param weights for each hypothesis how likely it is before any trial, relative to the others.
 */
export function beginBelief(history: History, prior: RatePrior | undefined, weights?: Weights): AnyBelief {
  return prior
    ? initialBelief(history, new RateTable(prior), weights)
    : initialTwoSided(history, undefined, weights && { weights });
}

/** The belief after trials, in whatever order. The given belief is used up. */
export function observeAll(belief: AnyBelief, observations: readonly Observation[]): AnyBelief {
  return isTwoSided(belief)
    ? observeTwoSided(belief, ...observations)
    : observations.reduce<Belief>((now, observation) => observe(now, observation), belief);
}

/** The test that tells most for its cost; undefined when none tells anything. */
export function chooseAny(belief: AnyBelief, options: ChooseOptions): number | undefined {
  return isTwoSided(belief) ? chooseTwoSided(belief, options) : chooseTest(belief, options);
}

/** The rates that a bad and a good candidate are believed to have. */
export function ratesOf(belief: AnyBelief): { readonly bad: number; readonly good: number } {
  return isTwoSided(belief) ? expectedRates(belief) : { bad: expectedRate(belief), good: 0 };
}

/** How likely a trial reproduces. */
export function chanceToReproduce(belief: AnyBelief, test: number): number {
  const rates = ratesOf(belief);
  let bad = 0;
  for (const hypothesis of belief.history.covered(test)) bad += belief.probability[hypothesis] ?? 0;
  return bad * rates.bad + (1 - bad) * rates.good;
}

export function isTwoSided(belief: AnyBelief): belief is TwoSidedBelief {
  return "model" in belief;
}
