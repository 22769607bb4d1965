import type { Kernel } from "../kernel/kernel.ts";
import { type Cell, describeCell } from "../lab/cell.ts";
import type { Accelerator } from "../machine/argv.ts";
import { cellKey, kernelName } from "./cell-key.ts";
import type { Ledger, LedgerTrial } from "./ledger.ts";

/** A trial that has ended, with what names its cell. */
export interface EndedTrial extends Omit<LedgerTrial, "id" | "cell"> {
  /** Names what was tried, as it was: trials of the same definition in the same cell count together. */
  readonly definition: string;
  /** What was tried, for people. */
  readonly repro: string;
  readonly cell: Cell;
  /** The kernel that its selector named; undefined: it was never had. */
  readonly kernel: Pick<Kernel, "id" | "exact"> | undefined;
  /** What its machine ran under. */
  readonly accelerator: Accelerator["type"];
}

/**
 * Write a trial into the ledger. Whoever runs trials, of a repro or of a command, records them here.
 *
 * @throws {InfraError} when it cannot be written.
 * @example recordTrial(ledger, { definition, repro: "exec", cell, kernel: parts.kernel, accelerator: "tcg", ranBy: "exec", ...ended })
 */
export function recordTrial(ledger: Ledger, trial: EndedTrial): void {
  const { definition, repro, cell, kernel, accelerator, ...ended } = trial;
  ledger.addTrial(repro, { ...ended, cell: nameCell(ledger, { definition, cell, kernel, accelerator }) });
}

/** The ledger's name for a cell, which it remembers together with what it stands for. */
export function nameCell(
  ledger: Ledger,
  {
    definition,
    cell,
    kernel,
    accelerator,
  }: Pick<EndedTrial, "definition" | "cell" | "kernel" | "accelerator">,
): string {
  const key = cellKey(definition, cell, { kernel: kernelName(cell.kernel, kernel), accelerator });
  ledger.nameCell(key, { definition, description: describeCell(cell) });
  return key;
}
