import { messageOf } from "../../base/errors.ts";
import { BuildError } from "../../kernel/build.ts";
import type { Outcome } from "../../repro/outcome.ts";
import { type AnyBelief, beginBelief, chooseAny, isTwoSided, observeAll, ratesOf } from "./any-belief.ts";
import { chooseBatch } from "./batch.ts";
import { chanceToBuild } from "./buildable.ts";
import type { Candidate } from "./candidates.ts";
import { type Conclusion, conclude, type Suspects, suspectsOf } from "./conclude.ts";
import { ask, type Direction } from "./direction.ts";
import { isExplained, type Observation } from "./posterior.ts";
import type { RatePrior } from "./rates.ts";
import { severalSwitches } from "./switches.ts";

/** A trial of a candidate, as far as a bisection cares. */
export interface TestedTrial {
  readonly outcome: Outcome;
  readonly summary: string;
  readonly evidence: string;
}

/** What a bisection reads and writes. Everything else in it is pure. */
export interface BisectWorld {
  /** Trials there were before, the first one first. */
  past(candidate: number): readonly TestedTrial[];
  /** Why a candidate cannot be tried; undefined: it can. */
  skipped(candidate: number): string | undefined;
  /** Pass a candidate over: `always` when trying again cannot help, `now` when the host may be to blame. */
  skip(candidate: number, reason: string, until: "always" | "now"): void;
  /** Whether the candidate needs no building. */
  built(candidate: number): boolean;
  /** Build and run; records the trial. @throws {InfraError} when the candidate cannot be built. */
  trial(candidate: number): Promise<TestedTrial>;
}

export interface BisectOptions {
  /** The left end first. */
  readonly candidates: readonly Pick<Candidate, "name" | "parents">[];
  /** Which end is good: `broke`, the default, the left one; `mended` the right one. */
  readonly direction?: Direction | undefined;
  readonly prior: RatePrior;
  /** Good candidates may show the failure too, only less often, and neither rate is known. */
  readonly twoSided?: boolean | undefined;
  /** For each candidate, how likely it is to be the one before any trial, relative to each other, 1 in the mean. */
  readonly weights?: readonly number[] | undefined;
  readonly confidence: number;
  /** New trials at the most. */
  readonly budget: number;
  /** Trials side by side. Default 1. */
  readonly jobs?: number | undefined;
  /** Seconds that a build and a trial take, until they are measured. */
  readonly seconds: { readonly build: number; readonly trial: number };
  readonly onStep?: (state: BisectState, next: number) => void;
}

/** What is known. Candidates, and hypotheses about them, are numbered from the left end. */
export interface BisectState {
  /** Numbered from the good end. */
  readonly belief: AnyBelief;
  /** For each candidate, that it is the first with the change; one more than candidates: none has. */
  readonly probability: Float64Array;
  readonly observations: readonly Observation[];
  readonly testable: Uint8Array;
  readonly conclusion: Conclusion | { readonly type: "several-switches"; readonly probability: number };
  readonly suspects: readonly Suspects[];
  /** Of a bad candidate. */
  readonly rate: number;
  /** Of a good one, where they may show the failure too. */
  readonly goodRate?: number | undefined;
}

export interface BisectResult extends BisectState {
  /** Trials that were run now; those of earlier runs are not among them. */
  readonly newTrials: number;
  readonly stopped: "concluded" | "budget" | "nothing-left";
}

/** What was asked, as far as an answer depends on it. */
export type Asked = Pick<
  BisectOptions,
  "candidates" | "direction" | "prior" | "twoSided" | "weights" | "confidence"
>;

/** A candidate whose trials fail on our side this often in a row is passed over. */
const patience = 3;
/** And one whose trials could not be judged this often in a row, for whatever reason. */
const longPatience = 6;

/** A history is called broken and mended again from here on. */
const switchesConfidence = 0.99;

/**
 * What is known from trials that were run already. Pure.
 *
 * @param trials for each candidate, in any order: the order of trials changes nothing.
 */
export function stateOf(
  options: Asked,
  trials: readonly (readonly Pick<TestedTrial, "outcome">[])[],
  skipped: readonly boolean[],
): BisectState {
  const { history, test: testOf, hypothesis: asSeen } = askOf(options);
  const testable = Uint8Array.from(options.candidates, (_, index) => (skipped[index] ? 0 : 1));
  const tests = testable.map((_, test) => testable[testOf(test)] ?? 0);
  const observations: Observation[] = [];
  const observed: Observation[] = [];
  for (const [candidate, list] of trials.entries()) {
    for (const { outcome } of list) {
      if (outcome !== "clean" && outcome !== "reproduced") continue;
      observations.push({ test: candidate, outcome });
      observed.push({ test: testOf(candidate), outcome });
    }
  }
  const { weights } = options;
  // That an end is not what it is called is as likely as ever.
  const byHypothesis =
    weights && Array.from({ length: history.candidates + 2 }, (_, index) => weights[asSeen(index)] ?? 1);
  const begun = beginBelief(history, options.twoSided === true ? undefined : options.prior, byHypothesis);
  const belief = observeAll(begun, observed);
  // Where good ones fail too, anything is explained by one switch.
  const several = isTwoSided(belief)
    ? 0
    : !isExplained(belief)
      ? 1
      : history.linear
        ? severalSwitches(history.candidates, observed, options.prior)
        : 0;
  const named = (suspects: Suspects): Suspects => ({
    ...suspects,
    hypotheses: suspects.hypotheses.map(asSeen).sort((a, b) => a - b),
  });
  const conclusion = conclude(belief, { confidence: options.confidence, testable: tests });
  return {
    belief,
    probability: belief.probability.map((_, index) => belief.probability[asSeen(index)] ?? 0),
    observations,
    testable,
    conclusion:
      several > switchesConfidence
        ? { type: "several-switches", probability: several }
        : conclusion.type === "found"
          ? { ...conclusion, suspects: named(conclusion.suspects) }
          : conclusion,
    suspects: suspectsOf(belief, tests).map(named),
    rate: ratesOf(belief).bad,
    ...(isTwoSided(belief) ? { goodRate: ratesOf(belief).good } : {}),
  };
}

function askOf({ candidates, direction }: Pick<BisectOptions, "candidates" | "direction">) {
  return ask(
    candidates.map(({ parents }) => parents),
    direction,
  );
}

/**
 * Bisect: run the trial that tells most for its cost until one answer is as likely as asked, or the budget is
 * spent. Trials of earlier runs count; a candidate that cannot be built or booted is passed over.
 *
 * @throws whatever the world's trial throws, but for failures to build.
 */
export async function bisect(options: BisectOptions, world: BisectWorld): Promise<BisectResult> {
  const numbers = options.candidates.map((_, index) => index);
  // Its own inverse.
  const { test: turn } = askOf(options);
  const trials = numbers.map((number) => [...world.past(number)]);
  const current = (guesses: readonly Observation[] = []): BisectState =>
    stateOf(
      options,
      trials.map((list, number) => [...list, ...guesses.filter(({ test }) => turn(test) === number)]),
      numbers.map((number) => world.skipped(number) !== undefined),
    );
  const measured = { build: new Mean(options.seconds.build), trial: new Mean(options.seconds.trial) };
  /** Whether a trial was run: not when the candidate could not be built. */
  const attempt = async (next: number): Promise<boolean> => {
    const start = performance.now();
    const isNew = !world.built(next);
    try {
      const trial = await world.trial(next);
      const seconds = (performance.now() - start) / 1000;
      if (!isNew) measured.trial.add(seconds);
      else measured.build.add(Math.max(seconds - measured.trial.value, 0));
      trials[next]?.push(trial);
      const problem = whyPassOver(trials[next] ?? []);
      if (problem !== undefined) world.skip(next, problem, "now");
      return true;
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      world.skip(next, messageOf(error).split("\n")[0] ?? "it cannot be built", "always");
      return false;
    }
  };
  let state = current();
  for (let newTrials = 0; ; ) {
    if (state.conclusion.type !== "open") return { ...state, newTrials, stopped: "concluded" };
    if (newTrials >= options.budget) return { ...state, newTrials, stopped: "budget" };
    const chances = chanceToBuild(
      numbers.map((number) =>
        world.skipped(number) !== undefined ? "broken" : world.built(number) ? "works" : "unknown",
      ),
    );
    // A build that fails costs its time and tells nothing.
    const build = Float64Array.from(numbers, (test) =>
      world.built(turn(test)) ? 0 : measured.build.value / (chances[turn(test)] ?? 1),
    );
    const seconds = { build, trial: measured.trial.value };
    const testable = state.testable.map((_, test) => state.testable[turn(test)] ?? 0);
    const doubt =
      options.twoSided !== true && doubtedEnd(trials[turn(numbers.length - 1)] ?? [], trials[turn(0)] ?? []);
    const batch = (
      doubt && testable[0] !== 0
        ? [0]
        : chooseBatch({
            size: Math.min(options.jobs ?? 1, options.budget - newTrials),
            believe: (guesses) => {
              const guessed = current(guesses);
              return guessed.conclusion.type === "open" ? guessed.belief : undefined;
            },
            choose: (belief, isAllowed) =>
              chooseAny(belief, {
                testable: testable.map((can, test) => (isAllowed(test) ? can : 0)),
                seconds,
              }),
            isBuilt: (test) => world.built(turn(test)),
          })
    ).map(turn);
    if (batch.length === 0) return { ...state, newTrials, stopped: "nothing-left" };
    for (const next of batch) options.onStep?.(state, next);
    const ended = await Promise.allSettled(batch.map(attempt));
    for (const one of ended) {
      if (one.status === "rejected") throw one.reason;
      if (one.value) newTrials += 1;
    }
    state = current();
  }
}

/**
 * Whether the good end is to be asked whether it is the bad one: as long as what is called bad is clean, once for
 * every three clean trials of that, three times in all. Whoever asks in the wrong direction should not wait for a
 * hundred.
 */
function doubtedEnd(
  bad: readonly Pick<TestedTrial, "outcome">[],
  good: readonly Pick<TestedTrial, "outcome">[],
): boolean {
  if (bad.some(({ outcome }) => outcome === "reproduced")) return false;
  const quiet = bad.filter(({ outcome }) => outcome === "clean").length;
  return good.length < 3 && quiet >= 3 * (good.length + 1);
}

/** Why a candidate is passed over after so many trials; undefined: it is not. */
function whyPassOver(trials: readonly TestedTrial[]): string | undefined {
  const last = (count: number, isWasted: (outcome: Outcome) => boolean): boolean =>
    trials.length >= count && trials.slice(-count).every(({ outcome }) => isWasted(outcome));
  const summary = trials.at(-1)?.summary;
  if (last(patience, (outcome) => outcome === "infra-error"))
    return `its trials fail for reasons of their own: ${summary}`;
  if (last(longPatience, (outcome) => outcome === "infra-error" || outcome === "inconclusive"))
    return `its trials cannot be judged: ${summary}`;
  return undefined;
}

/** A running mean that starts from a guess. */
class Mean {
  #sum: number;
  #count = 1;
  constructor(guess: number) {
    this.#sum = guess;
  }
  get value(): number {
    return this.#sum / this.#count;
  }
  add(value: number): void {
    // The guess goes with the first measurement.
    this.#sum = this.#count === 1 ? 2 * value : this.#sum + value;
    this.#count += 1;
  }
}
