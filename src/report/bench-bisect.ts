import type { RateInterval } from "../campaign/matrix/wilson.ts";
import type { DocumentBody } from "./documents/documents.ts";
import { renderTable } from "./table.ts";

type Comparison = DocumentBody<"bench bisect">["results"][number] & { readonly right: RateInterval };

const header = [
  "rate",
  "trials",
  "of theory's",
  "right %",
  "git bisect run",
  "trials / git",
  "time / git",
  "no policy below",
  "time / git that repeats all",
];

/** Simulated bisections beside what theory allows and what `git bisect run` takes. */
export function renderBisectBench(
  results: readonly Comparison[],
  options: { readonly width: number },
): string {
  return renderTable(header, results.map(row), options);
}

type TwoSided = DocumentBody<"bench bisect">["twoSided"][number] & { readonly right: RateInterval };

/** Bisections in which good candidates fail too, ours and that of a policy that asks for information alone. */
export function renderTwoSidedBench(
  results: readonly TwoSided[],
  options: { readonly width: number },
): string {
  return renderTable(
    ["bad / good fail in", "policy", "trials", "right %", "runs"],
    results.map(({ bad, good, policy, trials, right, runs }) => [
      `${100 * bad} % / ${100 * good} %`,
      policy,
      trials.toFixed(1),
      percent(right),
      `${runs}`,
    ]),
    options,
  );
}

type MapBench = DocumentBody<"bench bisect">["maps"][number] & {
  readonly map: { readonly right: RateInterval };
  readonly bisections: { readonly right: RateInterval };
};

/** Maps of lines with two edges, and two bisections that find the same. */
export function renderMapBench(results: readonly MapBench[], options: { readonly width: number }): string {
  return renderTable(
    ["releases, rate", "by", "trials", "builds", "hours", "right %", "runs"],
    results.flatMap(({ releases, rate, runs, map, bisections }) =>
      [
        { by: "map", ...map },
        { by: "two bisections", ...bisections },
      ].map(({ by, trials, builds, seconds, right }) => [
        `${releases}, ${rate}`,
        by,
        trials.toFixed(1),
        builds.toFixed(1),
        (seconds / 3600).toFixed(2),
        percent(right),
        `${runs}`,
      ]),
    ),
    options,
  );
}

function row(result: Comparison): string[] {
  const { gitBisect } = result;
  return [
    `${result.rate}, ${result.known ? "known" : "unknown"}`,
    result.trials.toFixed(1),
    `x${result.timesYardstick.toFixed(2)}`,
    percent(result.right),
    `${gitBisect.trials.toFixed(1)} (${gitBisect.repeats} repeats)`,
    result.trialsToGit.toFixed(2),
    result.secondsToGit.toFixed(2),
    result.leastSecondsToGit.toFixed(2),
    result.secondsToGitWithoutEarlyStop.toFixed(2),
  ];
}

function percent({ rate, low, high }: RateInterval): string {
  const [share, from, to] = [rate, low, high].map((value) => (100 * value).toFixed(1));
  return `${share} (${from} to ${to})`;
}
