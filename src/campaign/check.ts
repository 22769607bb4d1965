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
 * Run one trial in each of some cells, side by side: a hang is waited for while another cell computes. What cells need
 * is got for one after the other, so that two kernels are never built at once.
 *
 * @param open sets up trials that end when its signal aborts.
 * @returns the trials in the cells' order.
 * @throws what the first trial that fails throws, when the others, told to stop, have ended too.
 */
export async function checkCells(
  cells: readonly CheckedCell[],
  { jobs }: { readonly jobs: number },
  outer: AbortSignal,
  open: (signal: AbortSignal) => Promise<Pick<Tries, "provide" | "run">>,
): Promise<(TrialResult & { readonly expected: Outcome })[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const tries = await open(signal);
  const ended: (TrialResult & { readonly expected: Outcome })[] = [];
  let before: Promise<void> = Promise.resolve();
  const provide = async (cell: Cell): Promise<void> => {
    const own = before.then(async () => await tries.provide(cell));
    // Who comes next need not mind what went wrong here.
    before = own.catch(() => {});
    await own;
  };
  const queue = [...cells.entries()];
  await runJobs({ jobs: Math.min(jobs, cells.length), signal }, async () => {
    const [index, next] = queue.shift() ?? [];
    if (index === undefined || next === undefined) return undefined;
    return async () => {
      try {
        await provide(next.cell);
        const { expected } = next;
        ended[index] = { ...(await tries.run(next.cell, { expected })), expected };
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    };
  });
  return ended;
}
