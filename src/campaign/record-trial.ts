import { isFixedSelector } from "../kernel/selector.ts";
import { type Cell, describeCell } from "../lab/cell.ts";
import { cellKey } from "./cell-key.ts";
import type { Ledger, LedgerTrial } from "./ledger.ts";

/** A trial that has ended, with what names its cell. */
export interface EndedTrial extends Omit<LedgerTrial, "id" | "cell"> {
  /** Names what was tried, as it was: trials of the same definition in the same cell count together. */
  readonly definition: string;
  /** What was tried, for people. */
  readonly repro: string;
  readonly cell: Cell;
  /** Names the kernel's content, for selectors that do not; undefined: it was never had. */
  readonly kernelId: string | undefined;
}

/**
 * Write a trial into the ledger. Whoever runs trials, of a repro or of a command, records them here.
 *
 * @throws {InfraError} when it cannot be written.
 * @example recordTrial(ledger, { definition, repro: "exec", cell, kernelId: parts.kernel.id, ranBy: "exec", ...ended })
 */
export function recordTrial(ledger: Ledger, trial: EndedTrial): void {
  const { definition, repro, cell, kernelId, ...ended } = trial;
  ledger.addTrial(repro, { ...ended, cell: nameCell(ledger, { definition, cell, kernelId }) });
}

/** The ledger's name for a cell, which it remembers together with what it stands for. */
export function nameCell(
  ledger: Ledger,
  { definition, cell, kernelId }: Pick<EndedTrial, "definition" | "cell" | "kernelId">,
): string {
  const key = cellKey(definition, cell, isFixedSelector(cell.kernel) ? undefined : kernelId);
  ledger.nameCell(key, { definition, description: describeCell(cell) });
  return key;
}
