import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { Outcome } from "../repro/outcome.ts";

/** A trial as the ledger keeps it. */
export interface LedgerTrial {
  readonly id: number;
  /** Names the cell and everything else that a trial's outcome depends on. */
  readonly cell: string;
  readonly outcome: Outcome;
  readonly summary: string;
  readonly evidence: string;
  readonly startedAt: string;
  /** Milliseconds. */
  readonly took: number;
}

/** What a bisection was asked for: enough to show it again later. */
export const campaignSchema = z.object({
  repro: z.string(),
  range: z.string(),
  confidence: z.number(),
  /** Reproduction rate of a bad candidate, where the user said it. */
  rate: z.number().optional(),
  /** Else what trials of the same repro in other bad cells had shown of it. */
  learned: z.object({ reproduced: z.int(), clean: z.int() }).optional(),
  candidates: z.array(
    z.object({ name: z.string(), detail: z.string(), cell: z.string(), parents: z.array(z.int()) }),
  ),
});
export type Campaign = z.infer<typeof campaignSchema>;

const trialSchema = z.object({
  id: z.int(),
  cell: z.string(),
  outcome: z.enum(["reproduced", "clean", "inconclusive", "infra-error"]),
  summary: z.string(),
  evidence: z.string(),
  startedAt: z.string(),
  took: z.number(),
});

const tables = `
  PRAGMA journal_mode = WAL;
  PRAGMA busy_timeout = 10000;
  CREATE TABLE IF NOT EXISTS trials (
    id INTEGER PRIMARY KEY, repro TEXT NOT NULL, cell TEXT NOT NULL, outcome TEXT NOT NULL, summary TEXT NOT NULL,
    evidence TEXT NOT NULL, startedAt TEXT NOT NULL, took REAL NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS trials_of_cell ON trials (cell);
  CREATE TABLE IF NOT EXISTS cells (
    cell TEXT PRIMARY KEY, definition TEXT NOT NULL, description TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS skips (cell TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS campaigns (
    id TEXT PRIMARY KEY, plan TEXT NOT NULL, usedAt TEXT NOT NULL) STRICT;
`;

const columns = "id, cell, outcome, summary, evidence, startedAt, took";

/**
 * Every trial that was ever run here, in SQLite. A trial is written the moment it ends, so that a crash or
 * Ctrl-C loses none, and any later campaign over the same cell counts it.
 *
 * @see https://nodejs.org/api/sqlite.html
 * @example using ledger = Ledger.open(join(settings.logsDir, "ledger.sqlite"))
 */
export class Ledger implements Disposable {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Open a ledger, made if it is not there. `:memory:` keeps it in memory. */
  static open(path: string): Ledger {
    if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
    const database = new DatabaseSync(path);
    database.exec(tables);
    return new Ledger(database);
  }

  /** Record a trial that has ended. */
  addTrial(repro: string, trial: Omit<LedgerTrial, "id">): void {
    const { cell, outcome, summary, evidence, startedAt, took } = trial;
    this.#database
      .prepare(
        "INSERT INTO trials (repro, cell, outcome, summary, evidence, startedAt, took) VALUES (?, ?, ?, ?, ?, ?, ?)",
      )
      .run(repro, cell, outcome, summary, evidence, startedAt, took);
  }

  /** Remember what a cell's name stands for: the repro as it was, and the cell as people read it. */
  nameCell(cell: string, about: { readonly definition: string; readonly description: string }): void {
    this.#database
      .prepare("INSERT OR REPLACE INTO cells (cell, definition, description) VALUES (?, ?, ?)")
      .run(cell, about.definition, about.description);
  }

  /** All trials of a cell, the first one first. */
  trialsOf(cell: string): LedgerTrial[] {
    return this.#database
      .prepare(`SELECT ${columns} FROM trials WHERE cell = ? ORDER BY id`)
      .all(cell)
      .map((row) => trialSchema.parse(row));
  }

  /** All trials of a repro as it is now, in whatever cell, the first one first. */
  trialsOfDefinition(definition: string): LedgerTrial[] {
    return this.#database
      .prepare(
        `SELECT ${columns} FROM trials WHERE cell IN (SELECT cell FROM cells WHERE definition = ?) ORDER BY id`,
      )
      .all(definition)
      .map((row) => trialSchema.parse(row));
  }

  /** The number of the trial that was recorded last; 0 when there is none. */
  lastTrial(): number {
    return z
      .int()
      .parse(this.#database.prepare("SELECT coalesce(max(id), 0) AS last FROM trials").get()?.last);
  }

  /** Record that a cell cannot be tried, for example because its kernel does not build. */
  skip(cell: string, reason: string): void {
    this.#database.prepare("INSERT OR REPLACE INTO skips (cell, reason) VALUES (?, ?)").run(cell, reason);
  }

  /** Why a cell cannot be tried; undefined: it can, as far as is known. */
  skipOf(cell: string): string | undefined {
    const row = this.#database.prepare("SELECT reason FROM skips WHERE cell = ?").get(cell);
    return typeof row?.reason === "string" ? row.reason : undefined;
  }

  /** Keep what a bisection was asked for. */
  saveCampaign(id: string, campaign: Campaign): void {
    this.#database
      .prepare("INSERT OR REPLACE INTO campaigns (id, plan, usedAt) VALUES (?, ?, ?)")
      .run(id, JSON.stringify(campaign), new Date().toISOString());
  }

  /** A bisection by the start of its id; without one, that which was used last. */
  findCampaign(start = ""): { readonly id: string; readonly campaign: Campaign } | undefined {
    const row = this.#database
      .prepare(
        "SELECT id, plan FROM campaigns WHERE substr(id, 1, length(?1)) = ?1 ORDER BY usedAt DESC LIMIT 1",
      )
      .get(start);
    if (typeof row?.id !== "string" || typeof row.plan !== "string") return undefined;
    return { id: row.id, campaign: campaignSchema.parse(JSON.parse(row.plan)) };
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
