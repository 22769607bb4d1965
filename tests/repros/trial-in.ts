import {
  type CellChoice,
  chooseCell,
  provideParts,
  type Repro,
  runTrial,
  type TrialResult,
} from "../../src/index.ts";
import { testContext } from "../../src/vitest/index.ts";

/** One trial of a repro in a cell, for its test. */
export async function trialIn(repro: Repro, choice: CellChoice): Promise<TrialResult> {
  const context = await testContext(AbortSignal.timeout(400_000));
  const cell = chooseCell(repro.axes, choice);
  return await runTrial(repro, cell, await provideParts(repro, cell, context), context);
}
