import { join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { imageKinds } from "../../base/settings.ts";
import { type Cell, describeCell } from "../../lab/cell.ts";
import type { StoredRun } from "../../record/read-run.ts";
import type { MatrixRecord, TrialRecord } from "../../record/run-record.ts";
import type { Outcome } from "../../repro/outcome.ts";
import type { Ledger } from "../ledger.ts";
import type { MatrixRow, MatrixTrial } from "../matrix/drive.ts";
import { count, isOpen, type MatrixPlan, noTrials, verdictOfCell } from "../matrix/matrix.ts";

/** A matrix that was run in parts. */
export interface JoinedMatrix {
  readonly plan: MatrixPlan;
  readonly rows: readonly MatrixRow[];
  /** Cells of the campaign that no shard told of. */
  readonly untold: number;
}

type CellRecord = MatrixRecord["cells"][number];

/**
 * What the trials of joined runs come to, cell by cell: counted anew, for a cell may have been tried by several.
 *
 * @param trials of the joined run, each once.
 * @param dir the joined run's folder.
 * @param ledger with what the parts' own ledgers held: where a part counted trials of before, they count here too.
 * @returns undefined for runs of something else than a matrix.
 * @throws {UsageError} when not the same was asked of all.
 */
export function joinMatrix(
  runs: readonly StoredRun[],
  trials: readonly TrialRecord[],
  dir: string,
  ledger: Pick<Ledger, "trialsDescribed">,
): JoinedMatrix | undefined {
  const parts = runs.flatMap(({ record }) => (record.matrix ? [record.matrix] : []));
  const [first] = parts;
  if (!first) return undefined;
  if (parts.some((part) => part.trials !== first.trials || part.confidence !== first.confidence))
    throw new UsageError("these runs asked for different numbers of trials, or another confidence", {
      next: "Join runs that asked for the same; the ledger of each has all of its trials.",
    });
  const plan: MatrixPlan = { trials: first.trials, confidence: first.confidence, full: false };
  const definition = runs.find(({ record }) => record.shard)?.record.shard?.definition;
  const told = runs.flatMap(({ record }) =>
    (record.matrix?.cells ?? []).map((cell) => ({ ...cell, since: record.startedAt })),
  );
  const cells = Map.groupBy(told, ({ cell }) => keyOfCell(cell));
  const rows = [...cells].flatMap(([key, records]) => {
    const [record] = records;
    if (!record) return [];
    const cell = cellOf(record.cell);
    const counted = trials.filter((trial) => trial.cell !== undefined && keyOfCell(trial.cell) === key);
    const mine = counted.flatMap((trial) => trialOf(trial, dir));
    const earlier =
      definition !== undefined && records.some((each) => each.earlier > 0)
        ? ledger
            .trialsDescribed(definition, describeCell(cell))
            // What these runs ran themselves is counted already.
            .filter(({ startedAt }) => records.every(({ since }) => startedAt < since))
            .filter(({ outcome }) => outcome === "clean" || outcome === "reproduced")
            .map(({ outcome, summary, evidence }) => ({ outcome, summary, evidence, earlier: true }))
        : [];
    return [rowOf(cell, [...earlier, ...mine], records, plan)];
  });
  const all = runs.find(({ record }) => record.shard)?.record.shard?.cells ?? rows.length;
  return { plan, rows, untold: Math.max(0, all - rows.length) };
}

function rowOf(
  cell: Cell,
  trials: readonly MatrixTrial[],
  records: readonly CellRecord[],
  plan: MatrixPlan,
): MatrixRow {
  const tally = trials.reduce((sum, { outcome }) => count(sum, outcome), noTrials);
  // A cell that could not be had in one place may have been had in another.
  const problem = records.every((each) => each.problem !== undefined) ? records[0]?.problem : undefined;
  const wasted = { inconclusive: tally.inconclusive, infraErrors: 0 };
  const state = problem === undefined ? "ready" : "cannot-be-had";
  return {
    cell,
    tally,
    verdict: verdictOfCell(tally, problem, plan),
    open: records.every(({ open }) => open) && isOpen({ tally, wasted, state }, plan),
    trials,
    ...(problem === undefined ? {} : { problem }),
  };
}

const outcomes: ReadonlySet<string> = new Set(["reproduced", "clean", "inconclusive", "infra-error"]);

function isOutcome(outcome: string | undefined): outcome is Outcome {
  return outcome !== undefined && outcomes.has(outcome);
}

function trialOf({ outcome, summary, folder, state }: TrialRecord, dir: string): MatrixTrial[] {
  if (state !== "ended" || !isOutcome(outcome)) return [];
  return [{ outcome, summary: summary ?? "", evidence: join(dir, folder), earlier: false }];
}

function keyOfCell({ kernel, node, env, image, axes }: CellRecord["cell"]): string {
  return JSON.stringify([kernel, node, Object.entries(env).sort(), image, Object.entries(axes).sort()]);
}

/** @throws {UsageError} for a guest system that this dstate does not know. */
function cellOf(cell: CellRecord["cell"]): Cell {
  const image = imageKinds.find((kind) => kind === cell.image);
  if (image === undefined) throw new UsageError(`this dstate knows no guests of the kind "${cell.image}"`);
  return { ...cell, node: cell.node, image };
}
