import { type RateInterval, wilsonInterval } from "../matrix/wilson.ts";
import { chooseTest } from "./choose.ts";
import { conclude } from "./conclude.ts";
import { linearHistory } from "./history.ts";
import { initialBelief, observe } from "./posterior.ts";
import { seededRandom } from "./random.ts";
import { knownRate, RateTable, unknownRate } from "./rates.ts";
import { yardstick } from "./theory.ts";

export interface SimulationOptions {
  readonly candidates: number;
  readonly rate: number;
  /** Whether the policy is told the rate. */
  readonly known: boolean;
  readonly runs: number;
  readonly confidence: number;
  readonly seed: number;
  /** Seconds for a new kernel and for a trial. Default: only trials count. */
  readonly seconds?: { readonly build: number; readonly trial: number };
}

export interface SimulationResult {
  /** Mean number of trials. */
  readonly trials: number;
  /** Mean seconds, with the costs given. */
  readonly seconds: number;
  /** Mean number of candidates built. */
  readonly builds: number;
  /** Share of runs that named the right candidate, with its 95 % interval. */
  readonly right: RateInterval;
  /** Mean trials over the yardstick. */
  readonly timesYardstick: number;
}

/** Bisect made-up histories with the policy, the first bad candidate uniform. The same seed, the same result. */
export function simulate(options: SimulationOptions): SimulationResult {
  const { candidates, rate, seconds = { build: 0, trial: 1 } } = options;
  const history = linearHistory(candidates);
  const table = new RateTable(options.known ? knownRate(rate) : unknownRate());
  const random = seededRandom(options.seed);
  let [trials, builds, time, right] = [0, 0, 0, 0];
  for (let run = 0; run < options.runs; run += 1) {
    const truth = 1 + Math.floor(random() * candidates);
    let belief = initialBelief(history, table);
    const build = new Float64Array(candidates + 1).fill(seconds.build);
    for (let count = 0; count < 20_000; count += 1) {
      const conclusion = conclude(belief, options);
      if (conclusion.type !== "open") {
        if (conclusion.type === "found" && conclusion.suspects.hypotheses[0] === truth) right += 1;
        break;
      }
      const test = chooseTest(belief, { seconds: { build, trial: seconds.trial } });
      if (test === undefined) break;
      trials += 1;
      time += seconds.trial + (build[test] ?? 0);
      if (build[test] !== 0) builds += 1;
      build[test] = 0;
      const reproduced = test >= truth && random() < rate;
      belief = observe(belief, { test, outcome: reproduced ? "reproduced" : "clean" });
    }
  }
  const mean = trials / options.runs;
  return {
    trials: mean,
    seconds: time / options.runs,
    builds: builds / options.runs,
    right: wilsonInterval(right, options.runs),
    timesYardstick: mean / yardstick(candidates, rate),
  };
}

export interface BaselineResult {
  /** Trials of a candidate before it is called good. */
  readonly repeats: number;
  readonly trials: number;
  readonly seconds: number;
  /** Seconds when a candidate's trials do not stop at its first reproduction. */
  readonly secondsWithoutEarlyStop: number;
  readonly right: number;
}

/**
 * `git bisect run` with a script that repeats the trial and stops at the first reproduction, with just the
 * repeats that make it right as often as asked at that rate. Computed, not drawn: the number of candidates is a
 * power of two.
 */
export function gitBisectBaseline(options: {
  readonly candidates: number;
  readonly rate: number;
  readonly confidence: number;
  readonly seconds: { readonly build: number; readonly trial: number };
}): BaselineResult {
  const { rate, seconds } = options;
  const steps = Math.ceil(Math.log2(options.candidates));
  const miss = 1 - rate;
  // Each step of the right path is at a bad candidate half the time, and a missed one spoils the run.
  const rightWith = (repeats: number): number => (1 - miss ** repeats / 2) ** steps;
  let repeats = 1;
  while (rightWith(repeats) < options.confidence) repeats += 1;
  const atBad = (1 - miss ** repeats) / rate;
  const trials = (steps * (repeats + atBad)) / 2;
  return {
    repeats,
    trials,
    seconds: steps * seconds.build + trials * seconds.trial,
    secondsWithoutEarlyStop: steps * (seconds.build + repeats * seconds.trial),
    right: rightWith(repeats),
  };
}
