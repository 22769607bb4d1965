import type { Context } from "../base/context.ts";
import { selectorsOnHand } from "../kernel/on-hand.ts";
import { isBuiltHere, isFixedSelector } from "../kernel/selector.ts";
import type { Cell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import type { Repro } from "../repro/define.ts";
import { runTrial, type TrialOptions, type TrialResult } from "../repro/trial.ts";
import { acceleratorHere } from "./accelerator-here.ts";
import type { Ledger, RanBy } from "./ledger.ts";
import { nameCell, recordTrial } from "./record-trial.ts";

/** Trials of one repro, each recorded in the ledger as it ends. Whoever runs trials runs them through this. */
export interface Tries<Observation = unknown> {
  /** The ledger's name for a cell; where the selector does not fix the kernel it is provided first. */
  key(cell: Cell): Promise<string>;
  /** Whether the cell's kernel is on this machine. */
  isBuilt(cell: Cell): boolean;
  /** Whether it is not, and has to be built: a package is only fetched. */
  mustBuild(cell: Cell): boolean;
  /** Get what the cell needs. @throws {InfraError} when it cannot be had. */
  provide(cell: Cell): Promise<void>;
  /** @throws {InfraError} when the cell's parts cannot be had, or the trial cannot be recorded. */
  run(
    cell: Cell,
    about?: Pick<TrialOptions, "expected" | "candidate" | "onStall">,
  ): Promise<TrialResult<Observation>>;
}

/** What is tried, by whom, and how. */
export interface TriesOptions<Observation = unknown> extends TrialOptions {
  readonly repro: Repro<Observation>;
  /** Names the repro as it is now: see {@link definitionOf}. */
  readonly definition: string;
  readonly ranBy: RanBy;
}

/** Sets up trials: here, as {@link openTries} does, or elsewhere. */
export type OpenTries = <Observation>(
  options: TriesOptions<Observation>,
  ledger: Ledger,
  context: Context,
) => Promise<Tries<Observation>>;

/**
 * Set up trials of a repro.
 *
 * @example
 * const found = await findRepro("io-uring-dstate");
 * const tries = await openTries({ ...found, definition: await definitionOf(found), ranBy: "run" }, ledger, context);
 * await tries.run(cell);
 */
export async function openTries<Observation>(
  options: TriesOptions<Observation>,
  ledger: Ledger,
  context: Context,
): Promise<Tries<Observation>> {
  const { repro, definition, ranBy } = options;
  const built = await selectorsOnHand(context);
  const keys = new Map<string, string>();
  const nameOf = async (cell: Cell): Promise<string> => {
    const kernel = isFixedSelector(cell.kernel)
      ? undefined
      : (await provideParts(repro, cell, context)).kernel;
    const key = nameCell(ledger, { definition, cell, kernel, accelerator: await acceleratorHere(context) });
    keys.set(JSON.stringify(cell), key);
    return key;
  };
  return {
    key: async (cell) => keys.get(JSON.stringify(cell)) ?? (await nameOf(cell)),
    isBuilt: (cell) => built.has(cell.kernel),
    mustBuild: ({ kernel }) => !built.has(kernel) && isBuiltHere(kernel),
    provide: async (cell) => {
      await provideParts(repro, cell, context);
      built.add(cell.kernel);
    },
    run: async (cell, about = {}) => {
      const parts = await provideParts(repro, cell, context);
      built.add(cell.kernel);
      const trial = await runTrial(repro, cell, parts, context, { ...options, ...about });
      recordTrial(ledger, {
        ...trial,
        repro: repro.id,
        definition,
        cell,
        kernel: parts.kernel,
        accelerator: await acceleratorHere(context),
        ranBy,
      });
      return trial;
    },
  };
}
