import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { InfraError, messageOf } from "../base/errors.ts";
import { hostTroubleOf } from "../base/host-trouble.ts";
import { parseJson } from "../base/parse-json.ts";
import type { Settings } from "../base/settings.ts";
import type { Outcome } from "../repro/outcome.ts";
import { closeLedgerFile, ledgerInMemory, ledgerPath, openLedgerFile } from "./ledger-file.ts";
import { allRows, identityOf, rowSchema, sharedTables } from "./ledger-rows.ts";

/** What runs trials; `campaign` is a matrix or a bisection of an earlier dstate, which did not say which. */
const runners = ["run", "check", "exec", "test", "bench", "matrix", "bisect", "map", "campaign"] as const;
export type RanBy = (typeof runners)[number];

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
  readonly ranBy: RanBy;
}

/** What a bisection was asked for: enough to show it again later. */
export const campaignSchema = z.object({
  repro: z.string(),
  range: z.string(),
  confidence: z.number(),
  /** Whether what mended it is looked for; missing: what broke it. */
  direction: z.enum(["broke", "mended"]).optional(),
  /** Whether good candidates may show the failure too; missing: they never do. */
  twoSided: z.boolean().optional(),
  /** Reproduction rate of a bad candidate, where the user said it. */
  rate: z.number().optional(),
  /** Else what trials of the same repro in other bad cells had shown of it. */
  learned: z.object({ reproduced: z.int(), clean: z.int() }).optional(),
  /** Files or folders whose commits were likelier than others before any trial. */
  suspects: z.array(z.string()).optional(),
  /** And how much likelier each candidate was; 1 in the mean. */
  weights: z.array(z.number().positive()).optional(),
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
  ranBy: z.enum(runners),
});

const columns = "id, cell, outcome, summary, evidence, startedAt, took, ranBy";

/**
 * Every trial of a repro that was run here, in SQLite. A trial is written the moment it ends, so that a crash or
 * Ctrl-C loses none, and any later campaign over the same cell counts it.
 *
 * @see https://nodejs.org/api/sqlite.html
 * @example using ledger = await Ledger.open(context);
 */
export class Ledger implements Disposable {
  readonly #database: DatabaseSync;
  readonly #path: string;

  private constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  /**
   * Open the ledger of the folder for evidence, made if it is not there. One that is torn is set aside, with a note.
   *
   * @throws {InfraError} when a newer dstate wrote it, or it cannot be opened.
   */
  static async open(
    context: Pick<Context, "progress" | "signal"> & { readonly settings: Pick<Settings, "logsDir"> },
  ): Promise<Ledger> {
    const path = ledgerPath(context.settings);
    return new Ledger(await openLedgerFile(path, context), path);
  }

  /** A ledger that goes with the process. */
  static inMemory(): Ledger {
    return new Ledger(ledgerInMemory(), "in memory");
  }

  /**
   * Record a trial that has ended.
   *
   * @throws {InfraError} when it cannot be written, as on a full disk.
   */
  addTrial(repro: string, trial: Omit<LedgerTrial, "id">): void {
    const { cell, outcome, summary, evidence, startedAt, took, ranBy } = trial;
    this.#write(
      "INSERT INTO trials (repro, cell, outcome, summary, evidence, startedAt, took, ranBy) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      [repro, cell, outcome, summary, evidence, startedAt, took, ranBy],
    );
  }

  /**
   * Record a trial that was recorded elsewhere before.
   *
   * @param origin names it there: under one name it is recorded once.
   */
  adoptTrial(repro: string, trial: Omit<LedgerTrial, "id">, origin: string): void {
    const { cell, outcome, summary, evidence, startedAt, took, ranBy } = trial;
    this.#write(
      "INSERT OR IGNORE INTO trials (repro, cell, outcome, summary, evidence, startedAt, took, ranBy, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [repro, cell, outcome, summary, evidence, startedAt, took, ranBy, origin],
    );
  }

  /** Remember what a cell's name stands for: the repro as it was, and the cell as people read it. */
  nameCell(cell: string, about: { readonly definition: string; readonly description: string }): void {
    this.#write("INSERT OR REPLACE INTO cells (cell, definition, description) VALUES (?, ?, ?)", [
      cell,
      about.definition,
      about.description,
    ]);
  }

  /** All trials of a cell, the first one first. */
  trialsOf(cell: string): LedgerTrial[] {
    return this.#trials("cell = ?", cell);
  }

  /** All trials of a repro as it is now, in whatever cell, the first one first. */
  trialsOfDefinition(definition: string): LedgerTrial[] {
    return this.#trials("cell IN (SELECT cell FROM cells WHERE definition = ?)", definition);
  }

  /** All trials of a repro as it was in a cell as people read it, the first one first. */
  trialsDescribed(definition: string, description: string): LedgerTrial[] {
    return this.#database
      .prepare(
        `SELECT ${columns} FROM trials WHERE cell IN (SELECT cell FROM cells WHERE definition = ? AND description = ?) ORDER BY id`,
      )
      .all(definition, description)
      .map((row) => this.#read(trialSchema, row, `trial ${String(row.id)}`));
  }

  /** The number of the trial that was recorded last; 0 when there is none. */
  lastTrial(): number {
    return z
      .int()
      .parse(this.#database.prepare("SELECT coalesce(max(id), 0) AS last FROM trials").get()?.last);
  }

  /** Record that a cell cannot be tried, for example because its kernel does not build. */
  skip(cell: string, reason: string): void {
    this.#write("INSERT OR REPLACE INTO skips (cell, reason) VALUES (?, ?)", [cell, reason]);
  }

  /** Why a cell cannot be tried; undefined: it can, as far as is known. */
  skipOf(cell: string): string | undefined {
    const row = this.#database.prepare("SELECT reason FROM skips WHERE cell = ?").get(cell);
    return typeof row?.reason === "string" ? row.reason : undefined;
  }

  /** Keep what a bisection was asked for. */
  saveCampaign(id: string, campaign: Campaign): void {
    this.#write("INSERT OR REPLACE INTO campaigns (id, plan, usedAt) VALUES (?, ?, ?)", [
      id,
      JSON.stringify(campaign),
      new Date().toISOString(),
    ]);
  }

  /** A bisection by the start of its id; without one, that which was used last. */
  findCampaign(start = ""): { readonly id: string; readonly campaign: Campaign } | undefined {
    const row = this.#database
      .prepare(
        "SELECT id, plan FROM campaigns WHERE substr(id, 1, length(?1)) = ?1 ORDER BY usedAt DESC LIMIT 1",
      )
      .get(start);
    if (typeof row?.id !== "string" || typeof row.plan !== "string") return undefined;
    return {
      id: row.id,
      campaign: this.#read(campaignSchema, parseJson(row.plan), `the bisection ${row.id}`),
    };
  }

  /**
   * Take over what another ledger holds, all of it or nothing. A trial that is here already, because it was taken over
   * before or was recorded here, is not counted again: it is known by what it was, and not by where its evidence lies.
   *
   * @param evidence where the evidence of a trial lies now.
   * @throws {InfraError} when it cannot be written.
   */
  absorb(other: DatabaseSync, evidence: (path: string) => string): { added: number; known: number } {
    const rows = this.#read(z.array(rowSchema), allRows(other), "a trial");
    const here = new Set(
      this.#read(z.array(rowSchema), allRows(this.#database), "a trial").map((row) => identityOf(row)),
    );
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      let added = 0;
      for (const row of rows) {
        const origin = identityOf(row);
        if (here.has(origin)) continue;
        here.add(origin);
        const { repro, cell, outcome, summary, startedAt, took, ranBy } = row;
        const values = [
          repro,
          cell,
          outcome,
          summary,
          evidence(row.evidence),
          startedAt,
          took,
          ranBy,
          origin,
        ];
        this.#write(
          "INSERT INTO trials (repro, cell, outcome, summary, evidence, startedAt, took, ranBy, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          values,
        );
        added += 1;
      }
      for (const [table, names] of Object.entries(sharedTables)) {
        const list = names.join(", ");
        for (const row of other.prepare(`SELECT ${list} FROM ${table}`).all())
          this.#write(
            `INSERT OR IGNORE INTO ${table} (${list}) VALUES (${names.map(() => "?").join(", ")})`,
            names.map((name) => String(row[name])),
          );
      }
      this.#database.exec("COMMIT");
      return { added, known: rows.length - added };
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeLedgerFile(this.#database, this.#path);
  }

  #trials(where: string, value: string): LedgerTrial[] {
    return this.#database
      .prepare(`SELECT ${columns} FROM trials WHERE ${where} ORDER BY id`)
      .all(value)
      .map((row) => this.#read(trialSchema, row, `trial ${String(row.id)}`));
  }

  #read<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new InfraError(
      `${what} of the ledger ${this.#path} cannot be read: ${issue?.path.join(".")}: ${issue?.message}`,
      {
        next: `Move the file away to begin a new one: earlier trials do not count then.`,
        evidence: this.#path,
      },
    );
  }

  #write(statement: string, values: readonly (string | number)[]): void {
    try {
      this.#database.prepare(statement).run(...values);
    } catch (error) {
      throw new InfraError(`the ledger ${this.#path} cannot be written: ${messageOf(error)}`, {
        next: hostTroubleOf(error)?.next ?? "Set DSTATE_LOGS to a folder that can be written to.",
        cause: error,
      });
    }
  }
}
