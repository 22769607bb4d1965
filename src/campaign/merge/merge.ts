import { constants } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Context } from "../../base/context.ts";
import { ownIdentity } from "../../base/owner.ts";
import { step } from "../../base/progress.ts";
import { describeHost } from "../../record/host.ts";
import type { StoredRun } from "../../record/read-run.ts";
import { ownVersions, shellLine } from "../../record/run.ts";
import { runFolder } from "../../record/run-folder.ts";
import type { MatrixRecord, RunRecord } from "../../record/run-record.ts";
import { writeRunFile } from "../../record/write-run-file.ts";
import { Ledger } from "../ledger.ts";
import { openLedgerCopy } from "../ledger-file.ts";
import type { MatrixRow } from "../matrix/drive.ts";
import type { MatrixPlan } from "../matrix/matrix.ts";
import { type EvidenceCopy, type JoinedRun, joinRuns } from "./join.ts";
import { type JoinedMatrix, joinMatrix } from "./rows.ts";
import { findSources } from "./sources.ts";

/** What came of it. */
export interface Merged {
  /** The joined run, which lies below the logs like any other. */
  readonly dir: string;
  readonly record: RunRecord;
  readonly joined: JoinedRun;
  readonly matrix: JoinedMatrix | undefined;
  /** Trials that the ledger has now and had not, and those that it had already. */
  readonly ledger: { readonly added: number; readonly known: number };
  /** Runs that were joined. */
  readonly runs: number;
}

/**
 * Join what several jobs or hosts ran: their runs become one run with all the evidence, and their ledgers' trials are
 * in the ledger here. No trial is counted twice, however often its folder is named. What they were joined from stays
 * as it is.
 *
 * @param options.describe writes a matrix as a run keeps it.
 * @throws {UsageError} for what does not belong together, before anything is written.
 * @example await mergeRuns({ dirs: ["shard-1", "shard-2"], command, describe: matrixRecord }, context)
 */
export async function mergeRuns(
  options: {
    readonly dirs: readonly string[];
    readonly command: readonly string[];
    readonly describe: (rows: readonly MatrixRow[], plan: MatrixPlan) => MatrixRecord;
  },
  context: Context,
): Promise<Merged> {
  const sources = await findSources(options.dirs);
  const joined = joinRuns(sources.runs);
  const dir = runFolder(context.settings, joined.record.about);
  return await step(context.progress, `join ${sources.runs.length} runs`, async (progress) => {
    try {
      await copyEvidence(sources.runs, joined.copies, dir, context, (share) => progress.update({ share }));
      using ledger = await Ledger.open(context);
      const places = new Map(joined.copies.map(({ name, folder }) => [name, join(dir, folder)]));
      const counts = await absorbAll(ledger, sources.ledgers, places);
      const matrix = joinMatrix(sources.runs, joined.record.trials, dir, ledger);
      const record: RunRecord = {
        schemaVersion: 1,
        id: basename(dir),
        ...joined.record,
        owner: ownIdentity(),
        command: [...options.command],
        rerun: joined.record.rerun === "" ? shellLine(options.command) : joined.record.rerun,
        dstate: await ownVersions(),
        host: describeHost(),
        ...(matrix === undefined ? {} : { matrix: options.describe(matrix.rows, matrix.plan) }),
      };
      await writeRunFile(dir, record);
      return { dir, record, joined, matrix, ledger: counts, runs: sources.runs.length };
    } catch (error) {
      // Half of it is no run.
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  });
}

async function copyEvidence(
  runs: readonly StoredRun[],
  copies: readonly EvidenceCopy[],
  dir: string,
  { signal }: Pick<Context, "signal">,
  onShare: (share: number) => void,
): Promise<void> {
  await mkdir(dir, { recursive: true });
  // Where the file system can, a copy takes no room until one of the two is changed.
  const how = { recursive: true, mode: constants.COPYFILE_FICLONE } as const;
  for (const { dir: from } of runs) {
    for (const name of await readdir(from)) {
      if (name === "repro" || /^packages-\w+\.json$/.test(name))
        await cp(join(from, name), join(dir, name), how);
    }
  }
  for (const [index, { from, folder }] of copies.entries()) {
    signal.throwIfAborted();
    // A trial that began and has no folder yet has no evidence either.
    await mkdir(join(dir, folder));
    await cp(from, join(dir, folder), how).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    onShare((index + 1) / copies.length);
  }
}

async function absorbAll(
  ledger: Ledger,
  paths: readonly string[],
  places: ReadonlyMap<string, string>,
): Promise<Merged["ledger"]> {
  const counts = { added: 0, known: 0 };
  const moved = (path: string): string =>
    places.get(basename(path)) ?? places.get(`${basename(dirname(path))}/${basename(path)}`) ?? path;
  for (const path of paths) {
    const dir = await mkdtemp(join(tmpdir(), "dstate-merge-"));
    try {
      using other = await openLedgerCopy(path, dir);
      if (!other) continue;
      const { added, known } = ledger.absorb(other, moved);
      counts.added += added;
      counts.known += known;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
  return counts;
}
