import type { PgBoss } from "pg-boss";
import { z } from "zod";
import { InfraError, UsageError } from "../base/errors.ts";
import { ownVersion } from "../base/version.ts";
import { rowsOf, type Statements } from "./database.ts";

/** Where dstate's own tables are. */
export const schemaName = "dstate";
/** Where pg-boss has its own. */
export const bossSchema = "dstate_jobs";

/**
 * How the tables come from each version of their form to the next. What has been released is never changed, only added
 * to.
 */
const steps: readonly (readonly string[])[] = [
  [
    `CREATE TABLE dstate.repros (
       definition text PRIMARY KEY, id text NOT NULL, file text NOT NULL, files jsonb NOT NULL,
       added_at timestamptz NOT NULL DEFAULT now())`,
    `CREATE TABLE dstate.workers (
       name text PRIMARY KEY, dstate text NOT NULL, host jsonb NOT NULL, abilities jsonb NOT NULL,
       started_at timestamptz NOT NULL DEFAULT now(), seen_at timestamptz NOT NULL DEFAULT now())`,
    `CREATE TABLE dstate.needs (
       queue text PRIMARY KEY, needs jsonb NOT NULL, asked_at timestamptz NOT NULL DEFAULT now())`,
    `CREATE TABLE dstate.results (
       job uuid PRIMARY KEY, definition text NOT NULL, worker text NOT NULL, attempt int NOT NULL,
       result jsonb NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now())`,
    "CREATE INDEX results_of_definition ON dstate.results (definition)",
  ],
  [
    `CREATE TABLE dstate.evidence (
       job uuid PRIMARY KEY REFERENCES dstate.results (job) ON DELETE CASCADE, bytes bytea NOT NULL,
       added_at timestamptz NOT NULL DEFAULT now())`,
  ],
];

const aboutSchema = z.object({ version: z.int(), dstate: z.string() });

/** Only one at a time makes or changes the tables. Any number will do, as long as it is always the same. */
const lockNumber = 5_587_019;

/**
 * See that the tables are there and of this dstate; in a database that has none they are made.
 *
 * @param options.migrate bring tables of an older dstate to this one's form.
 * @throws {InfraError} for tables of another version, {UsageError} for those of another dstate.
 */
export async function prepareSchema(
  boss: PgBoss,
  shown: string,
  options: { readonly migrate: boolean },
): Promise<void> {
  const transaction = await boss.getDb().beginTransaction?.();
  if (!transaction) throw new InfraError("pg-boss has no transactions");
  try {
    await prepare(transaction.db, shown, options);
    await transaction.commit();
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

/** The error for a queue of another dstate. */
export function ofAnotherDstate(shown: string, dstate: string): UsageError {
  return new UsageError(`the queue ${shown} is of dstate ${dstate}, and this is ${ownVersion()}`, {
    next: "Use the same dstate on all hosts; when all are new, start one worker with --migrate.",
  });
}

async function prepare(
  db: Statements,
  shown: string,
  { migrate }: { readonly migrate: boolean },
): Promise<void> {
  await db.executeSql(`SELECT pg_advisory_xact_lock(${lockNumber})`);
  await db.executeSql("CREATE SCHEMA IF NOT EXISTS dstate");
  await db.executeSql("CREATE TABLE IF NOT EXISTS dstate.about (version int NOT NULL, dstate text NOT NULL)");
  const [about] = await rowsOf(db, aboutSchema, "SELECT version, dstate FROM dstate.about");
  const own = ownVersion();
  const from = about?.version ?? 0;
  if (from > steps.length)
    throw new InfraError(
      `the queue ${shown} is of a newer dstate: its tables have the version ${from}, and this one knows ${steps.length}`,
      { next: "Use that dstate here, too." },
    );
  const isOlder = about !== undefined && from < steps.length;
  if (isOlder && !migrate)
    throw new InfraError(
      `the queue ${shown} is of an older dstate: its tables have the version ${from}, and this one has ${steps.length}`,
      { next: "End the older workers, then start one worker with --migrate." },
    );
  if (about !== undefined && about.dstate !== own && !migrate) throw ofAnotherDstate(shown, about.dstate);
  for (const step of steps.slice(from)) for (const statement of step) await db.executeSql(statement);
  if (about === undefined)
    await db.executeSql("INSERT INTO dstate.about (version, dstate) VALUES ($1, $2)", [steps.length, own]);
  else await db.executeSql("UPDATE dstate.about SET version = $1, dstate = $2", [steps.length, own]);
}
