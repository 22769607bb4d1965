import { formatBytes } from "../base/size.ts";
import { pointText } from "../base/stack.ts";
import { describeCell } from "../lab/cell.ts";
import type { Collected } from "../repro/collect-evidence.ts";
import type { Outcome } from "../repro/outcome.ts";
import type { TrialResult } from "../repro/trial.ts";
import { renderTable } from "./table.ts";

/**
 * Trials as a table: one row a trial, the columns that its repro names, and where the evidence lies.
 */
export function renderTrials(trials: readonly TrialResult[], options: { width: number }): string {
  const names = [...new Set(trials.flatMap((trial) => Object.keys(trial.columns)))];
  const head = ["cell", "outcome", ...names];
  const rows = trials.map((trial) => [
    describeCell(trial.cell).replaceAll(", ", "\n"),
    trial.outcome,
    ...names.map((name) => trial.columns[name] ?? ""),
  ]);
  const lines = trials.map((trial) =>
    [
      `${trial.outcome}: ${describeCell(trial.cell)}`,
      trial.summary,
      ...(trial.problem?.place ? [`at ${pointText(trial.problem.place)}`] : []),
      `evidence: ${trial.evidence}`,
      ...renderCollected(trial.collected),
      ...(trial.kept
        ? [`kept: its machine, ${formatBytes(trial.kept.bytes)}; revive it: dstate attach ${trial.evidence}`]
        : []),
      ...(trial.recorded
        ? [
            `recorded: ${formatBytes(trial.recorded.logBytes)} and ${formatBytes(trial.recorded.diskBytes)} of disks; run it again: dstate replay ${trial.evidence}`,
          ]
        : []),
    ].join("\n  "),
  );
  return `${renderTable(head, rows, options)}\n${lines.join("\n")}`;
}

/** Trials as {@link renderTrials} shows them, and whether each is what the report says of its cell. */
export function renderCheck(
  trials: readonly (TrialResult & { readonly expected: Outcome })[],
  options: { width: number },
): string {
  const odd = trials.filter(({ outcome, expected }) => outcome !== expected);
  const verdict = odd.map(
    ({ expected, outcome, summary }) => `Expected ${expected}, found ${outcome}: ${summary}`,
  );
  return [
    renderTrials(trials, options),
    "",
    ...(odd.length === 0 ? ["Every cell is as the report says."] : verdict),
  ].join("\n");
}

/** What was collected, in one line, and what was not, in another. */
function renderCollected(collected: readonly Collected[]): string[] {
  const seconds = (collected.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(1);
  const there = collected.filter(({ file }) => file !== undefined).map(({ what }) => what);
  const failed = collected.filter(({ error }) => error !== undefined);
  return [
    ...(there.length === 0 ? [] : [`collected in ${seconds} s: ${there.join(", ")}`]),
    ...failed.map(({ what, error }) => `not collected: ${what}: ${error}`),
    ...collected.flatMap(({ file, note }) => (note === undefined ? [] : [`${file}: ${note}`])),
  ];
}
