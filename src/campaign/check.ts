import type { Cell } from "../lab/cell.ts";
import type { Outcome } from "../repro/outcome.ts";
import type { TrialResult } from "../repro/trial.ts";
import { runJobs } from "./pool.ts";
import type { Tries } from "./tries.ts";

/** A cell, and what it should show. */
export interface CheckedCell {
  readonly cell: Cell;
  readonly expected: Outcome;
}

/**
 * Run one trial in each of some cells: so many as compute side by side, and another one while a hang is waited for. What
 * cells need is got from the start, but for kernels that have to be built: these one after the other. Meanwhile the cells
 * that need none have their trials: whoever waits for a kernel sees the first verdict long before.
 *
 * @param open sets up trials that end when its signal aborts.
 * @returns the trials in the cells' order.
 * @throws what the first trial that fails throws, when the others, told to stop, have ended too.
 */
export async function checkCells(
  cells: readonly CheckedCell[],
  { jobs, spare }: { readonly jobs: number; readonly spare: number },
  outer: AbortSignal,
  open: (signal: AbortSignal) => Promise<Pick<Tries, "provide" | "run" | "mustBuild">>,
): Promise<(TrialResult & { readonly expected: Outcome })[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const tries = await open(signal);
  const ended: (TrialResult & { readonly expected: Outcome })[] = [];
  const gettings: Promise<unknown>[] = [];
  let built: Promise<unknown> = Promise.resolve();
  const queue = cells
    .map((cell, index) => {
      const isLate = tries.mustBuild(cell.cell);
      const ready = (isLate ? built : Promise.resolve()).then(async () => await tries.provide(cell.cell));
      // Who comes next need not mind what went wrong here.
      const got = ready.catch((error: unknown) => stop.abort(error));
      if (isLate) built = got;
      gettings.push(got);
      return { ...cell, index, ready, isLate };
    })
    .sort((a, b) => Number(a.isLate) - Number(b.isLate));
  const running = runJobs({ jobs: Math.min(jobs, cells.length), spare, signal }, async () => {
    const next = queue.shift();
    if (!next) return undefined;
    const { cell, expected, index, ready } = next;
    return async (_stop, onlyWaits) => {
      try {
        await ready;
        ended[index] = { ...(await tries.run(cell, { expected, onStall: onlyWaits })), expected };
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    };
  });
  // What is still being got is told to stop, too, and is waited for.
  await Promise.allSettled([running, ...gettings]);
  stop.signal.throwIfAborted();
  await running;
  return ended;
}
