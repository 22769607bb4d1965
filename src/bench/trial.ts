import type { Context } from "../base/context.ts";
import { step } from "../base/progress.ts";
import { runJobs } from "../campaign/pool.ts";
import type { Tries } from "../campaign/tries.ts";
import type { Cell } from "../lab/cell.ts";
import type { TrialResult } from "../repro/trial.ts";
import { type Figures, figuresOf } from "./statistics.ts";

export interface TrialBenchOptions {
  readonly tries: Pick<Tries, "run">;
  readonly cell: Cell;
  readonly trials: number;
  readonly jobs: number;
  /** More machines, whose trials only wait. */
  readonly spare: number;
}

export interface TrialBench {
  readonly cell: Cell;
  readonly jobs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly trialsPerHour: number;
  readonly secondsPerTrial: Figures;
}

/**
 * Trials an hour of one cell: the wall-clock time of many, side by side. The first trial makes what is made
 * once and is not counted.
 */
export async function benchTrials(options: TrialBenchOptions, context: Context): Promise<TrialBench> {
  const { tries, cell } = options;
  await tries.run(cell);
  return await step(context.progress, `${options.trials} trials, ${options.jobs} at a time`, async () => {
    const start = performance.now();
    const results: TrialResult[] = [];
    let left = options.trials;
    const { jobs, spare } = options;
    await runJobs({ jobs, spare, signal: context.signal }, async () => {
      if (left === 0) return undefined;
      left -= 1;
      return async (_signal, onlyWaits) => {
        results.push(await tries.run(cell, { onStall: onlyWaits }));
      };
    });
    const hours = (performance.now() - start) / 3_600_000;
    const outcomes: Record<string, number> = {};
    for (const { outcome } of results) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    return {
      cell,
      jobs: options.jobs,
      outcomes,
      trialsPerHour: options.trials / hours,
      secondsPerTrial: figuresOf(results.map(({ took }) => took / 1000)),
    };
  });
}
