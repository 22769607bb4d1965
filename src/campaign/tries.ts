import type { Context } from "../base/context.ts";
import { storedKernels } from "../kernel/stored.ts";
import { type Cell, describeCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import type { FoundRepro } from "../repro/find.ts";
import { runTrial, type TrialResult } from "../repro/trial.ts";
import { cellKey, isFixedSelector, reproKey } from "./cell-key.ts";
import type { Ledger } from "./ledger.ts";

/** Trials of one repro, each recorded in the ledger as it ends. */
export interface Tries {
  /** Names the repro as it is now: its id and its files. Trials of an older one do not count. */
  readonly definition: string;
  /** The ledger's name for a cell; where the selector does not fix the kernel it is provided first. */
  key(cell: Cell): Promise<string>;
  /** Whether the cell's kernel is on this machine. */
  isBuilt(cell: Cell): boolean;
  /** Get what the cell needs. @throws {InfraError} when it cannot be had. */
  provide(cell: Cell): Promise<void>;
  /** @throws {InfraError} when the cell's parts cannot be had. */
  run(cell: Cell): Promise<TrialResult>;
}

/**
 * Set up trials of a repro.
 *
 * @example const tries = await openTries(await findRepro("io-uring-dstate"), ledger, context);
 */
export async function openTries(
  found: FoundRepro,
  ledger: Ledger,
  context: Context,
  options: { readonly cold?: boolean | undefined } = {},
): Promise<Tries> {
  const { repro, file } = found;
  const definition = `${repro.id} ${await reproKey(file)}`;
  const built = new Set((await storedKernels(context)).map(({ about }) => about.selector));
  const keys = new Map<string, string>();
  const key = async (cell: Cell): Promise<string> => {
    const known = keys.get(JSON.stringify(cell));
    if (known !== undefined) return known;
    const kernelId = isFixedSelector(cell.kernel)
      ? undefined
      : (await provideParts(repro, cell, context)).kernel.id;
    const made = cellKey(definition, cell, kernelId);
    ledger.nameCell(made, { definition, description: describeCell(cell) });
    keys.set(JSON.stringify(cell), made);
    return made;
  };
  return {
    definition,
    key,
    isBuilt: (cell) => built.has(cell.kernel),
    provide: async (cell) => {
      await provideParts(repro, cell, context);
      built.add(cell.kernel);
    },
    run: async (cell) => {
      const parts = await provideParts(repro, cell, context);
      built.add(cell.kernel);
      const trial = await runTrial(repro, cell, parts, context, { cold: options.cold });
      ledger.addTrial(repro.id, { ...trial, cell: await key(cell) });
      return trial;
    },
  };
}
