import { describeCell } from "../repro/cell.ts";
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
  const lines = trials.map(
    (trial) =>
      `${trial.outcome}: ${describeCell(trial.cell)}\n  ${trial.summary}\n  evidence: ${trial.evidence}`,
  );
  return `${renderTable(head, rows, options)}\n${lines.join("\n")}`;
}
