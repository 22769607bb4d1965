import { type CellChoice, chooseCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import type { Repro } from "../repro/define.ts";
import { runTrial, type TrialResult } from "../repro/trial.ts";
import { testContext } from "./test.ts";

/**
 * One trial of a repro in a cell, for its test. Ended by the test's own signal.
 *
 * @throws {UsageError} when there is no such cell.
 * @example
 * test("a fixed kernel is clean", async ({ signal }) => {
 *   const trial = await trialIn(repro, { kernel: "6.1.129" }, { signal });
 *   expect(trial.outcome, trial.summary).toBe("clean");
 * });
 */
export async function trialIn(
  repro: Repro,
  choice: CellChoice,
  options: { readonly signal: AbortSignal },
): Promise<TrialResult> {
  const context = testContext(options.signal);
  const cell = chooseCell(repro.axes, choice);
  return await runTrial(repro, cell, await provideParts(repro, cell, context), context);
}
