import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { keyOf } from "../base/store.ts";

/** A trial as a ledger's file has it, whole. */
export const rowSchema = z.object({
  repro: z.string(),
  cell: z.string(),
  outcome: z.string(),
  summary: z.string(),
  evidence: z.string(),
  startedAt: z.string(),
  took: z.number(),
  ranBy: z.string(),
  origin: z.string().nullable(),
});
export type LedgerRow = z.infer<typeof rowSchema>;

/** What a ledger has beside its trials, with the columns that go along when ledgers are joined. */
export const sharedTables: Readonly<Record<string, readonly string[]>> = {
  cells: ["cell", "definition", "description"],
  skips: ["cell", "reason"],
  campaigns: ["id", "plan", "usedAt"],
};

/** Every trial of a ledger's file, the first one first. */
export function allRows(database: DatabaseSync): unknown[] {
  return database
    .prepare(
      "SELECT repro, cell, outcome, summary, evidence, startedAt, took, ranBy, origin FROM trials ORDER BY id",
    )
    .all();
}

/**
 * Names a trial by what it was, the same in every copy of it: of its evidence only the last two names take part, the
 * run and the trial's number, for the folder that they lie in changes with every copy.
 */
export function identityOf(row: LedgerRow): string {
  if (row.origin !== null) return row.origin;
  const { repro, cell, outcome, summary, startedAt, took, ranBy } = row;
  const place = row.evidence.split("/").slice(-2);
  // A trial that is a run of its own lies in the run's folder itself: what that lies in is no part of its name.
  const [folder = "", number = ""] = place;
  const evidence = /^\d+$/.test(number) ? [folder, number] : [number];
  return keyOf({ repro, cell, outcome, summary, startedAt, took, ranBy, evidence });
}
