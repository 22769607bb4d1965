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
