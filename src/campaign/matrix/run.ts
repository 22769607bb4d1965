import type { Context } from "../../base/context.ts";
import { step } from "../../base/progress.ts";
import { parseKernelSelector } from "../../kernel/selector.ts";
import type { Cell } from "../../lab/cell.ts";
import type { Run } from "../../record/run.ts";
import type { FoundRepro } from "../../repro/find.ts";
import { definitionOf } from "../cell-key.ts";
import type { Ledger } from "../ledger.ts";
import { type OpenTries, openTries } from "../tries.ts";
import { driveMatrix, type MatrixRow } from "./drive.ts";
import { countVerdicts, type MatrixPlan } from "./matrix.ts";

export interface RunMatrixOptions {
  readonly found: FoundRepro;
  readonly cells: readonly Cell[];
  readonly plan: MatrixPlan;
  /** Machines side by side. */
  readonly jobs: number;
  /** More of them, whose trials only wait. Default: none. */
  readonly spare?: number | undefined;
  readonly cold?: boolean | undefined;
  /** Count no earlier trials. */
  readonly fresh?: boolean | undefined;
  /** The run that its trials belong to. Default: each is a run of its own. */
  readonly run?: Run | undefined;
  /** Who runs its trials. Default: this host. */
  readonly open?: OpenTries | undefined;
  /** Told after every trial what is known so far. */
  readonly onChange?: (rows: readonly MatrixRow[]) => void;
}

/**
 * Run a repro in many cells on real machines. Every trial is in the ledger the moment it ends; started again, the
 * matrix goes on where it was.
 *
 * @throws {UsageError} for a cell that cannot be; what could not be fetched or built ends only its own cell.
 */
export async function runMatrix(
  options: RunMatrixOptions,
  ledger: Ledger,
  context: Context,
): Promise<readonly MatrixRow[]> {
  const { found, cells, plan, jobs, spare, onChange } = options;
  for (const cell of cells) {
    parseKernelSelector(cell.kernel);
    await found.repro.check?.(cell, context);
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  return await step(
    context.progress,
    `${found.repro.id} in ${cells.length} ${cells.length === 1 ? "cell" : "cells"}`,
    async (progress) => {
      const tries = await (options.open ?? openTries)(
        {
          repro: found.repro,
          definition: await definitionOf(found),
          ranBy: "matrix",
          cold: options.cold,
          run: options.run,
        },
        ledger,
        { ...context, signal },
      );
      const rows = await driveMatrix(
        { cells, plan, jobs, spare, stop, step: progress, onChange },
        {
          atOnce: options.open !== undefined,
          isHere: (cell) => tries.isBuilt(cell),
          earlier: async (cell) => (options.fresh ? [] : ledger.trialsOf(await tries.key(cell))),
          provide: async (cell) => await tries.provide(cell),
          run: async (cell, onlyWaits) => await tries.run(cell, { onStall: onlyWaits }),
        },
      );
      progress.conclude(countVerdicts(rows.map(({ verdict }) => verdict.type)));
      return rows;
    },
  );
}
