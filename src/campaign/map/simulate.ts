import { chooseTest } from "../bisect/choose.ts";
import { conclude } from "../bisect/conclude.ts";
import { linearHistory } from "../bisect/history.ts";
import { initialBelief, observe } from "../bisect/posterior.ts";
import { seededRandom } from "../bisect/random.ts";
import { RateTable } from "../bisect/rates.ts";
import { type RateInterval, wilsonInterval } from "../matrix/wilson.ts";
import { believe, type Seen } from "./belief.ts";
import { ratesFrom } from "./least-rate.ts";
import { add, nextTrials, statesOf } from "./series.ts";

export interface MapSimulationOptions {
  readonly releases: number;
  /** Of a bad release. */
  readonly rate: number;
  readonly leastRate: number;
  readonly runs: number;
  readonly confidence: number;
  readonly seed: number;
  readonly seconds: { readonly build: number; readonly trial: number };
}

/** Means over the runs. */
export interface MapCost {
  readonly trials: number;
  readonly builds: number;
  readonly seconds: number;
  /** Share of runs that named both edges as they are, with its 95 % interval. */
  readonly right: RateInterval;
}

/** A made-up line: bad from one release to another, and one of those is known to be bad. */
interface Truth {
  readonly from: number;
  readonly to: number;
  readonly known: number;
}

/**
 * Map made-up lines with one bad interval, of which one release is known, and find the same two edges by two
 * bisections, one for what broke it and one for what mended it. The same seed, the same result.
 */
export function simulateMap(options: MapSimulationOptions): { map: MapCost; bisections: MapCost } {
  const random = seededRandom(options.seed);
  const sums = { map: new Sum(), bisections: new Sum() };
  for (let run = 0; run < options.runs; run += 1) {
    const from = 1 + Math.floor(random() * (options.releases - 2));
    // As long as it takes to mend, which some bugs are within weeks, and some never.
    const length = 1 + Math.floor(-Math.log(1 - random()) * 10);
    const to = Math.min(from + length - 1, options.releases - 2);
    const truth = { from, to, known: from + Math.floor(random() * (to - from + 1)) };
    sums.map.add(mapOnce(truth, options, random));
    sums.bisections.add(bisectTwice(truth, options, random));
  }
  return { map: sums.map.mean(options.runs), bisections: sums.bisections.mean(options.runs) };
}

interface Once {
  readonly trials: number;
  readonly builds: number;
  readonly seconds: number;
  readonly right: boolean;
}

function mapOnce({ from, to, known }: Truth, options: MapSimulationOptions, random: () => number): Once {
  const { releases, rate, confidence, seconds } = options;
  const numbers = Array.from({ length: releases }, (_, release) => release);
  const hints = numbers.map((release) => (release === known ? ("bad" as const) : undefined));
  const model = { prior: ratesFrom(options.leastRate), hints };
  const built = new Set<number>();
  let seen: readonly Seen[] = numbers.map(() => ({ reproduced: 0, clean: 0 }));
  let trials = 0;
  for (; trials < 5_000; trials += 1) {
    const line = {
      seen,
      model,
      testable: numbers.map(() => true),
      build: numbers.map((release) => (built.has(release) ? 0 : seconds.build)),
      trial: seconds.trial,
    };
    const [next] = nextTrials([line], { confidence, size: 1 });
    if (!next) break;
    built.add(next.release);
    const bad = next.release >= from && next.release <= to && random() < rate;
    seen = seen.map((one, release) =>
      release === next.release ? add(one, bad ? "reproduced" : "clean") : one,
    );
  }
  const states = statesOf(believe(seen, model), confidence);
  const right = states.every(
    (state, release) => state === (release >= from && release <= to ? "bad" : "good"),
  );
  return { trials, builds: built.size, seconds: built.size * seconds.build + trials * seconds.trial, right };
}

function bisectTwice({ from, to, known }: Truth, options: MapSimulationOptions, random: () => number): Once {
  const built = new Set<number>();
  // Both count tests from the good end.
  const broke = bisectOnce(known, from, (test) => built.add(test), options, random);
  const last = options.releases - 1;
  const mended = bisectOnce(last - known, last - to, (test) => built.add(last - test), options, random);
  const trials = broke.trials + mended.trials;
  return {
    trials,
    builds: built.size,
    seconds: built.size * options.seconds.build + trials * options.seconds.trial,
    right: broke.right && mended.right,
  };
}

function bisectOnce(
  candidates: number,
  first: number,
  onBuild: (test: number) => void,
  { rate, confidence, seconds, leastRate }: MapSimulationOptions,
  random: () => number,
): { trials: number; right: boolean } {
  let belief = initialBelief(linearHistory(candidates), new RateTable(ratesFrom(leastRate)));
  const build = new Float64Array(candidates + 1).fill(seconds.build);
  for (let trials = 0; trials < 5_000; trials += 1) {
    const conclusion = conclude(belief, { confidence });
    if (conclusion.type !== "open")
      return {
        trials,
        right: conclusion.type === "found" && conclusion.suspects.hypotheses[0] === first,
      };
    const test = chooseTest(belief, { seconds: { build, trial: seconds.trial } });
    if (test === undefined) return { trials, right: false };
    build[test] = 0;
    onBuild(test);
    const reproduced = test >= first && random() < rate;
    belief = observe(belief, { test, outcome: reproduced ? "reproduced" : "clean" });
  }
  return { trials: 5_000, right: false };
}

class Sum {
  #trials = 0;
  #builds = 0;
  #seconds = 0;
  #right = 0;

  add({ trials, builds, seconds, right }: Once): void {
    this.#trials += trials;
    this.#builds += builds;
    this.#seconds += seconds;
    this.#right += right ? 1 : 0;
  }

  mean(runs: number): MapCost {
    return {
      trials: this.#trials / runs,
      builds: this.#builds / runs,
      seconds: this.#seconds / runs,
      right: wilsonInterval(this.#right, runs),
    };
  }
}
