import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Context } from "../base/context.ts";
import { InfraError, messageOf } from "../base/errors.ts";
import { hostTroubleOf } from "../base/host-trouble.ts";
import { lockFile } from "../base/lock.ts";
import type { Settings } from "../base/settings.ts";
import { timeouts } from "../base/timeouts.ts";
import { isStamped, stamp } from "./ledger-stamp.ts";

/**
 * How a ledger's file comes from each version of its form to the next; their number is the version that this dstate
 * writes. A step only adds: an earlier dstate that uses the same file beside us still finds what it knows. What has
 * been released is never changed, only added to.
 *
 * A new file and one from before there were versions have the version 0.
 *
 * @see https://www.sqlite.org/pragma.html#pragma_user_version
 */
const steps: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS trials (
     id INTEGER PRIMARY KEY, repro TEXT NOT NULL, cell TEXT NOT NULL, outcome TEXT NOT NULL, summary TEXT NOT NULL,
     evidence TEXT NOT NULL, startedAt TEXT NOT NULL, took REAL NOT NULL) STRICT;
   CREATE INDEX IF NOT EXISTS trials_of_cell ON trials (cell);
   CREATE TABLE IF NOT EXISTS cells (
     cell TEXT PRIMARY KEY, definition TEXT NOT NULL, description TEXT NOT NULL) STRICT;
   CREATE TABLE IF NOT EXISTS skips (cell TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT;
   CREATE TABLE IF NOT EXISTS campaigns (
     id TEXT PRIMARY KEY, plan TEXT NOT NULL, usedAt TEXT NOT NULL) STRICT;`,
  // Until then, only matrices and bisections recorded their trials.
  "ALTER TABLE trials ADD COLUMN ranBy TEXT NOT NULL DEFAULT 'campaign';",
  // Names a trial that came from another ledger, wherever it goes. NULL: it was recorded here.
  `ALTER TABLE trials ADD COLUMN origin TEXT;
   CREATE UNIQUE INDEX trials_by_origin ON trials (origin);`,
];

/** The one place of a folder's ledger. */
export function ledgerPath(settings: Pick<Settings, "logsDir">): string {
  return join(settings.logsDir, "ledger.sqlite");
}

/**
 * Open the file of a ledger, made if it is not there, in the form of this dstate. One that is torn, by a disk that
 * was full or a host that lost its power, is set aside and told of: what is left of it is not read.
 *
 * @throws {InfraError} when a newer dstate wrote it, or the host does not let us.
 */
export async function openLedgerFile(
  path: string,
  context: Pick<Context, "progress" | "signal">,
): Promise<DatabaseSync> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const whole = openWhole(path);
    if (whole.database) return whole.database;
    // Two that find it torn must not set aside what one of them has begun anew.
    await using _lock = await lockFile(`${path}.lock`, {
      within: timeouts.make.ledger,
      signal: context.signal,
    });
    const now = openWhole(path);
    if (now.database) return now.database;
    const aside = `${path}.torn-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}`;
    await rename(path, aside);
    await rename(`${path}-wal`, `${aside}-wal`).catch(() => {});
    await rm(`${path}-shm`, { force: true });
    const text = `the ledger ${path} is torn (${now.torn}): it was set aside as ${aside}, and earlier trials do not count`;
    context.progress({ type: "note", text });
    const made = openWhole(path);
    if (made.database) return made.database;
    throw new InfraError(`the ledger ${path} is torn as soon as it is made: ${made.torn}`);
  } catch (error) {
    if (error instanceof InfraError) throw error;
    context.signal.throwIfAborted();
    throw new InfraError(`the ledger ${path} cannot be opened: ${messageOf(error)}`, {
      next: hostTroubleOf(error)?.next ?? "Set DSTATE_LOGS to a folder that can be written to.",
      cause: error,
    });
  }
}

/** Close the file of a ledger; the next one who opens it need not look at every page then. */
export function closeLedgerFile(database: DatabaseSync, path: string): void {
  database.close();
  stamp(path);
}

/** A ledger in memory, for what is not to be kept. */
export function ledgerInMemory(): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  migrate(database, ":memory:");
  return database;
}

/**
 * Open a copy of another folder's ledger: that one stays as it is, also where it cannot be written to.
 *
 * @param path of the ledger; `undefined` is returned where there is none.
 * @param dir an empty folder for the copy.
 * @throws {InfraError} when it is torn, or a newer dstate wrote it.
 */
export async function openLedgerCopy(path: string, dir: string): Promise<DatabaseSync | undefined> {
  const copy = join(dir, "ledger.sqlite");
  try {
    await copyFile(path, copy);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  // What a process that did not end orderly had written last.
  await copyFile(`${path}-wal`, `${copy}-wal`).catch(() => {});
  const opened = openWhole(copy);
  if (opened.database) return opened.database;
  throw new InfraError(`the ledger ${path} is torn (${opened.torn})`, {
    next: "Move it away to join the runs of its folder without it, or have its job run again.",
  });
}

/** SQLite's primary result codes for a file that is not what it was. @see https://www.sqlite.org/rescode.html */
const tornCodes = new Set([11, 26]);

function openWhole(
  path: string,
): { database: DatabaseSync; torn?: never } | { database?: never; torn: string } {
  const isSeenWhole = isStamped(path);
  const database = new DatabaseSync(path, { timeout: 10_000 });
  try {
    // Before anything of it is read: what a newer dstate wrote may look torn to this one.
    refuseNewer(database, path);
    // Every page of it, 0.6 s for a hundred thousand trials, unless it was seen whole and is the same since.
    const said = isSeenWhole ? "ok" : database.prepare("PRAGMA integrity_check(1)").get()?.integrity_check;
    if (said !== "ok") {
      database.close();
      // Several lines; the last one says which page of which tree.
      return { torn: String(said).trim().split("\n").at(-1) ?? "" };
    }
    migrate(database, path);
    return { database };
  } catch (error) {
    database.close();
    const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
    if (code !== undefined && tornCodes.has(code)) return { torn: messageOf(error) };
    throw error;
  }
}

function migrate(database: DatabaseSync, path: string): void {
  if (versionOf(database) === steps.length) return;
  database.exec("PRAGMA journal_mode = WAL");
  // Another process may be at it: who comes second finds it done.
  database.exec("BEGIN IMMEDIATE");
  refuseNewer(database, path);
  for (const step of steps.slice(versionOf(database))) database.exec(step);
  database.exec(`PRAGMA user_version = ${steps.length}`);
  database.exec("COMMIT");
}

function refuseNewer(database: DatabaseSync, path: string): void {
  const version = versionOf(database);
  if (version <= steps.length) return;
  throw new InfraError(
    `the ledger ${path} was written by a newer dstate: its form has the version ${version}, and this one knows ${steps.length}`,
    { next: "Use that dstate here, or set DSTATE_LOGS to another folder." },
  );
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.user_version);
}
