import type { TrialResult } from "../../src/repro/trial.ts";

/** A trial of a healthy cell, and whether its workload came to its end. */
export interface HealthyTrial {
  readonly name: string;
  readonly trial: Pick<TrialResult, "outcome" | "summary" | "took" | "evidence">;
  readonly finished: boolean;
}

/**
 * Why a trial says what is not true; undefined: it does not. Pure.
 *
 * @example lieOf({ outcome: "clean", ... }, false) // "clean, and its workload did not come to its end: ..."
 */
export function lieOf({ trial, finished }: HealthyTrial): string | undefined {
  const { outcome, summary, evidence } = trial;
  if (outcome === "reproduced")
    return `reproduced, and there is nothing to reproduce: ${summary} (${evidence})`;
  if (outcome === "clean" && !finished)
    return `clean, and its workload did not come to its end: ${summary} (${evidence})`;
  return undefined;
}

/** The table of trials by cell, in Markdown. Pure. */
export function renderHealthy(trials: readonly HealthyTrial[]): string {
  const names = [...new Set(trials.map(({ name }) => name))];
  const rows = names.map((name) => {
    const own = trials.filter((each) => each.name === name);
    const outcomes = [...new Set(own.map(({ trial }) => trial.outcome))].map(
      (outcome) => `${outcome} ${own.filter(({ trial }) => trial.outcome === outcome).length}`,
    );
    const seconds = own.map(({ trial }) => trial.took / 1000).sort((a, b) => a - b);
    const at = (share: number): string => (seconds[Math.floor((seconds.length - 1) * share)] ?? 0).toFixed(1);
    const lies = own.filter((each) => lieOf(each) !== undefined).length;
    return `| ${name} | ${own.length} | ${outcomes.join(", ")} | ${lies} | ${at(0.5)} | ${at(1)} |`;
  });
  return [
    "| cell | trials | outcomes | not true | seconds, median | longest |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}
