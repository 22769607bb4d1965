import type { LedgerTrial } from "../../src/campaign/ledger.ts";

/** What every maker of an entry writes: the same, whoever makes it. */
export function contentOf(index: number): string {
  return `file ${index}: ${"0123456789abcdef".repeat(512 + index)}`;
}

/** A trial that is written to a ledger. */
export function trialOf(index: number): Omit<LedgerTrial, "id"> {
  return {
    cell: `cell-${index % 7}`,
    outcome: index % 3 === 0 ? "reproduced" : "clean",
    summary: `trial ${index}`,
    evidence: "/nowhere",
    startedAt: new Date(1e12 + index).toISOString(),
    took: index,
    ranBy: "run",
  };
}
