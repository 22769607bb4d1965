import { dirname } from "node:path";
import { expect } from "vitest";
import { sha256OfFile } from "../base/hash-file.ts";
import { keyOf } from "../base/store.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { Ledger } from "../campaign/ledger.ts";
import { openTries } from "../campaign/tries.ts";
import { type CellChoice, chooseCell } from "../lab/cell.ts";
import type { Repro } from "../repro/define.ts";
import { findRepro } from "../repro/find.ts";
import type { TrialResult } from "../repro/trial.ts";
import { testContext } from "./test.ts";

/**
 * One trial of a repro in a cell, for its test. Ended by the test's own signal. It is in the ledger like any other:
 * a matrix or a bisection of the same repro counts it.
 *
 * @throws {UsageError} when there is no such cell.
 * @example
 * import { test } from "vitest";
 *
 * test("a fixed kernel is clean", async ({ signal }) => {
 *   const trial = await trialIn(repro, { kernel: "6.1.129" }, { signal });
 *   expect(trial.outcome, trial.summary).toBe("clean");
 * });
 */
export async function trialIn<Observation>(
  repro: Repro<Observation>,
  choice: CellChoice,
  options: { readonly signal: AbortSignal },
): Promise<TrialResult<Observation>> {
  const context = testContext(options.signal);
  const cell = chooseCell(repro.axes, choice, context.settings);
  const definition = await definitionFor(repro, expect.getState().testPath);
  using ledger = await Ledger.open(context);
  const tries = await openTries({ repro, definition, ranBy: "test" }, ledger, context);
  return await tries.run(cell);
}

/** A repro is defined in its own folder, beside its test or where its id is looked up; or else in the test itself. */
async function definitionFor(repro: Repro, test: string | undefined): Promise<string> {
  for (const place of test === undefined ? [repro.id] : [dirname(test), repro.id]) {
    const found = await findRepro(place).catch(() => undefined);
    if (found?.repro.id === repro.id) return await definitionOf(found);
  }
  return `${repro.id} ${keyOf({ test: test === undefined ? undefined : await sha256OfFile(test) })}`;
}
