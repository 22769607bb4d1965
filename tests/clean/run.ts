import type { Context } from "../../src/base/context.ts";
import { runPool } from "../../src/campaign/pool.ts";
import { type Cell, chooseCell, describeCell } from "../../src/lab/cell.ts";
import { provideParts } from "../../src/lab/provide.ts";
import { Run } from "../../src/record/run.ts";
import { findRepro } from "../../src/repro/find.ts";
import { runTrial, type TrialResult } from "../../src/repro/trial.ts";
import type { HealthyCell } from "./mixture.ts";
import type { HealthyTrial } from "./tally.ts";

/** The trials of one cell, which have everything that their machines are made from. */
interface Ready {
  readonly healthy: HealthyCell;
  readonly name: string;
  readonly run: (run: Run) => Promise<TrialResult>;
}

/**
 * Run trials of healthy cells as one run, whose folder is `run.dir`.
 *
 * @param plan a cell for each trial.
 * @param options.tell is called after each trial.
 */
export async function runHealthy(
  plan: readonly HealthyCell[],
  options: { readonly jobs: number; readonly tell: (trial: HealthyTrial) => void },
  context: Context,
): Promise<{ readonly dir: string; readonly trials: readonly HealthyTrial[] }> {
  const ready = new Map<HealthyCell, Ready>();
  // What they need is made before, so that no trial waits for it.
  for (const healthy of new Set(plan)) ready.set(healthy, await prepare(healthy, context));
  await using run = await Run.open({ kind: "test", about: "clean-trials" }, context);
  const trials = await runPool(
    plan.flatMap((healthy) => ready.get(healthy) ?? []),
    { jobs: options.jobs, signal: context.signal },
    async ({ healthy, name, run: trialOf }): Promise<HealthyTrial> => {
      const trial = await trialOf(run);
      const { observation } = trial;
      const ended = { name, trial, finished: observation !== undefined && healthy.finished(observation) };
      options.tell(ended);
      return ended;
    },
  );
  await run.finish();
  return { dir: run.dir, trials };
}

async function prepare(healthy: HealthyCell, context: Context): Promise<Ready> {
  const { repro } = await findRepro(healthy.repro);
  const cell: Cell = chooseCell(repro.axes, healthy.choice, context.settings);
  const parts = await provideParts(repro, cell, context);
  return {
    healthy,
    name: `${repro.id}, ${describeCell(cell)}`,
    run: async (run) => await runTrial(repro, cell, parts, context, { run, expected: "clean" }),
  };
}
