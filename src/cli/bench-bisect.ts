import { type Command, InvalidArgumentError } from "commander";
import { gitBisectBaseline, simulate } from "../campaign/bisect/simulate.ts";
import { simulateTwoSided, twoSidedPolicies } from "../campaign/bisect/simulate-two-sided.ts";
import { leastMultiple, leastSeconds } from "../campaign/bisect/theory.ts";
import { simulateMap } from "../campaign/map/simulate.ts";
import { renderBisectBench, renderMapBench, renderTwoSidedBench } from "../report/bench-bisect.ts";
import { positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

const [candidates, confidence] = [1024, 0.99];
const seconds = { build: 240, trial: 20 };

/** `dstate bench bisect`: the policy against the channel's capacity and against `git bisect run`. */
export function addBisectBench(bench: Command, session: Session): void {
  bench
    .command("bisect")
    .description("simulate bisections of 1,024 candidates; compare with the theory and with `git bisect run`")
    .option("--runs <n>", "of each kind", positiveInteger, 1000)
    .option("--seed <n>", "of the made-up histories", positiveInteger, 1)
    .option(
      "--rate <p>",
      "only this reproduction rate; can be given again (default: 1, 0.5, 0.2, 0.05)",
      rates,
    )
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample: dstate bench bisect --rate 0.2 --runs 200")
    .action((options: { runs: number; seed: number; rate?: number[]; json?: boolean }) => {
      const results = (options.rate ?? [1, 0.5, 0.2, 0.05]).flatMap((rate) =>
        [true, false].map((known) => compare({ rate, known, runs: options.runs, seed: options.seed })),
      );
      const { runs, seed, json } = options;
      // These take longer, and say enough with fewer runs.
      const few = Math.max(1, Math.round(runs / 5));
      const more = options.rate === undefined;
      const twoSided = more ? compareTwoSided({ runs: few, seed }) : [];
      const maps = more ? compareMaps({ runs: Math.max(1, Math.round(runs / 10)), seed }) : [];
      const text = (): string =>
        [
          renderBisectBench(results, { width: session.width }),
          ...(more ? [renderTwoSidedBench(twoSided, { width: session.width })] : []),
          ...(more ? [renderMapBench(maps, { width: session.width })] : []),
        ].join("\n");
      session.result(
        "bench bisect",
        { candidates, confidence, seconds, runs, seed, results, twoSided, maps },
        { json, text },
      );
    });
}

function compare(options: { rate: number; known: boolean; runs: number; seed: number }) {
  const plan = { ...options, candidates, confidence };
  const ours = simulate(plan);
  const withCosts = simulate({ ...plan, seconds });
  const gitBisect = gitBisectBaseline({ ...plan, seconds });
  return {
    rate: options.rate,
    known: options.known,
    ...ours,
    leastTimesYardstick: options.known ? 1 : leastMultiple(candidates, confidence),
    gitBisect,
    trialsToGit: ours.trials / gitBisect.trials,
    withCosts,
    secondsToGit: withCosts.seconds / gitBisect.seconds,
    leastSecondsToGit: leastSeconds({ ...plan, seconds }) / gitBisect.seconds,
    secondsToGitWithoutEarlyStop: withCosts.seconds / gitBisect.secondsWithoutEarlyStop,
  };
}

/** "Slightly flaky before, very flaky after", neither rate known. */
function compareTwoSided(plan: { runs: number; seed: number }) {
  return [
    { bad: 0.8, good: 0.2 },
    { bad: 0.2, good: 0.02 },
  ].flatMap((rates) =>
    twoSidedPolicies.map((policy) => ({
      ...rates,
      policy,
      runs: plan.runs,
      ...simulateTwoSided({ ...plan, ...rates, policy, candidates, confidence }),
    })),
  );
}

/** A line of releases with two edges, against one bisection for each edge. */
function compareMaps(plan: { runs: number; seed: number }) {
  return [0.9, 0.3].map((rate) => ({
    releases: 60,
    rate,
    runs: plan.runs,
    ...simulateMap({ ...plan, releases: 60, rate, leastRate: 0.1, confidence, seconds }),
  }));
}

function rates(text: string, before: number[] = []): number[] {
  const rate = Number(text);
  if (!(rate > 0 && rate <= 1)) throw new InvalidArgumentError("expected a rate above 0, up to 1.");
  return [...before, rate];
}
