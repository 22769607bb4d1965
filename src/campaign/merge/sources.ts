import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { listRuns, readRun, type StoredRun } from "../../record/read-run.ts";
import { ledgerPath } from "../ledger-file.ts";
import { isJoined } from "./join.ts";

/** What is to be joined. */
export interface Sources {
  readonly runs: readonly StoredRun[];
  /** Files of ledgers, each once. */
  readonly ledgers: readonly string[];
}

/**
 * Find what folders hold: each is a run's own, or one with runs and their ledger, as DSTATE_LOGS names it, or one that
 * holds such folders, as CI systems unpack the artifacts of several jobs.
 *
 * @throws {UsageError} for a folder in which there is nothing to join.
 * @throws {InfraError} for a run that cannot be read.
 */
export async function findSources(dirs: readonly string[]): Promise<Sources> {
  const runs = new Map<string, StoredRun>();
  const ledgers = new Set<string>();
  const add = async (dir: string): Promise<void> => {
    if (!runs.has(dir)) runs.set(dir, await readRun(dir));
    const ledger = ledgerPath({ logsDir: dirname(dir) });
    if (existsSync(ledger)) ledgers.add(ledger);
  };
  for (const named of dirs) {
    const dir = resolve(named);
    if (!(await stat(dir).catch(() => undefined))?.isDirectory())
      throw new UsageError(`there is no folder ${dir}`, {
        next: "Name folders of runs, such as logs/ of each job.",
      });
    if (existsSync(join(dir, "run.json"))) {
      await add(dir);
      continue;
    }
    const found = await runsBelow(dir, 2);
    if (found.length === 0)
      throw new UsageError(`${dir} holds no run`, {
        next: "Name a run's folder, or one that holds such folders, as logs/ does.",
      });
    for (const run of found) await add(run);
    // What was joined here before holds nothing that the others do not.
    for (const [path, { record }] of runs) if (found.includes(path) && isJoined(record)) runs.delete(path);
  }
  return { runs: [...runs.values()], ledgers: [...ledgers] };
}

async function runsBelow(dir: string, depth: number): Promise<string[]> {
  const own = (await listRuns({ logsDir: dir })).map((name) => join(dir, name));
  if (own.length > 0 || depth === 0) return own;
  const below = (await readdir(dir, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => join(dir, name))
    .sort();
  return (await Promise.all(below.map(async (each) => await runsBelow(each, depth - 1)))).flat();
}
