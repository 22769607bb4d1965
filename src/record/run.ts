import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Context } from "../base/context.ts";
import { messageOf } from "../base/errors.ts";
import { ownHome } from "../base/home.ts";
import { ownIdentity } from "../base/owner.ts";
import { sanitize } from "../base/text.ts";
import { commitOf, ownVersion } from "../base/version.ts";
import { describeHost, watchLoad } from "./host.ts";
import { describeParts, FileHashes, type Parts, partsKey } from "./parts.ts";
import { copyRepro } from "./repro-files.ts";
import { runFolder } from "./run-folder.ts";
import type {
  BisectRecord,
  MachineRecord,
  MatrixRecord,
  RunRecord,
  ShardRecord,
  TrialRecord,
  WorkerRecord,
} from "./run-record.ts";
import { writeRunFile } from "./write-run-file.ts";

/** A run that begins. */
export interface RunOptions {
  /** The command of dstate, or `test`. */
  readonly kind: string;
  /** A repro's id, or a test's name: it is in the folder's name too. */
  readonly about: string;
  readonly title?: string | undefined;
  readonly upstream?: readonly string[] | undefined;
  /** The file that defines the repro. */
  readonly file?: string | undefined;
  /** The command as it was typed. Default: this process' own. */
  readonly command?: readonly string[] | undefined;
  /** The command that runs it again. Default: the one that was typed. */
  readonly rerun?: string | undefined;
  /** Which part of a campaign it is. */
  readonly shard?: ShardRecord | undefined;
  /** Its folder. Default: a new one below `logs`. */
  readonly dir?: string | undefined;
}

/** A trial that begins. */
export type TrialStart = Pick<
  TrialRecord,
  "title" | "cell" | "expected" | "candidate" | "rerun" | "worker"
> & {
  readonly parts?: Parts | undefined;
  /** The folder of its evidence, below the run's; `.` is that itself. Default: the trial's number. */
  readonly folder?: string | undefined;
};

/** A trial of a run, while it runs. */
export interface RunningTrial {
  /** Where its evidence goes. */
  readonly dir: string;
  /** Tell what its machine is, and what that was made from, where it was not known when it began. */
  started(machine: MachineRecord, parts?: Parts): Promise<void>;
  /** Tell what it came to. */
  ended(result: Pick<TrialRecord, "outcome" | "summary" | "took" | "worker">): Promise<void>;
}

/**
 * A run's folder and its `run.json`, which is replaced in one step at every change: whoever reads it, at whatever
 * moment, and after whatever end, reads a whole document. Dispose it at the end; a run that did not {@link finish}
 * was interrupted or failed.
 *
 * @example
 * await using run = await Run.open({ kind: "check", about: repro.id }, context);
 * const trial = await run.begin({ title: "kernel 6.1.115" });
 * await trial.ended({ outcome: "clean", took: 1000 });
 * await run.finish();
 */
export class Run implements AsyncDisposable {
  readonly dir: string;
  readonly #signal: AbortSignal;
  readonly #load = watchLoad();
  readonly #hashes = new FileHashes();
  #record: RunRecord;
  #writing: Promise<void> = Promise.resolve();
  #queued = false;

  private constructor(dir: string, record: RunRecord, signal: AbortSignal) {
    this.dir = dir;
    this.#record = record;
    this.#signal = signal;
  }

  /** Make a run's folder, with its `run.json`. */
  static async open(options: RunOptions, context: Pick<Context, "settings" | "signal">): Promise<Run> {
    const startedAt = new Date();
    const dir = options.dir ?? runFolder(context.settings, options.about, startedAt);
    await mkdir(dir, { recursive: true });
    const command = [...(options.command ?? ["dstate", ...process.argv.slice(2)])];
    const { file } = options;
    const run = new Run(
      dir,
      {
        schemaVersion: 1,
        id: basename(dir),
        kind: options.kind,
        about: options.about,
        ...(options.title === undefined ? {} : { title: options.title }),
        ...(options.upstream === undefined ? {} : { upstream: [...options.upstream] }),
        state: "running",
        startedAt: startedAt.toISOString(),
        owner: ownIdentity(),
        command,
        rerun: options.rerun ?? shellLine(command),
        dstate: await ownVersions(),
        host: describeHost(),
        ...(file === undefined ? {} : { repro: await copyRepro(file, join(dir, "repro")) }),
        parts: {},
        trials: [],
        ...(options.shard === undefined ? {} : { shard: options.shard }),
      },
      context.signal,
    );
    await run.#write();
    return run;
  }

  /** The run as it is now. */
  get record(): RunRecord {
    return this.#record;
  }

  /** Begin a trial: it has a number and a folder from now on. */
  async begin(start: TrialStart): Promise<RunningTrial> {
    const { parts, folder, ...about } = start;
    const number = this.#record.trials.length + 1;
    const dir = join(this.dir, folder ?? `${number}`);
    const startedAt = new Date().toISOString();
    const trial: TrialRecord = {
      number,
      folder: folder ?? `${number}`,
      ...about,
      state: "running",
      startedAt,
    };
    // Its number is taken before anything is waited for: trials begin side by side.
    this.#record = { ...this.#record, trials: [...this.#record.trials, trial] };
    const load = watchLoad();
    const change = async (more: Partial<TrialRecord>): Promise<void> => {
      this.#record = {
        ...this.#record,
        trials: this.#record.trials.map((each) => (each.number === number ? { ...each, ...more } : each)),
      };
      await this.#write();
    };
    await mkdir(dir, { recursive: true });
    await this.#write();
    if (parts !== undefined) await change({ parts: await this.#addParts(parts) });
    return {
      dir,
      started: async (machine, made) =>
        await change({ machine, ...(made === undefined ? {} : { parts: await this.#addParts(made) }) }),
      ended: async ({ outcome, summary, took, worker }) =>
        await change({
          state: "ended",
          took: took ?? Date.now() - Date.parse(startedAt),
          // Of this host, which is not where it ran.
          ...(worker === undefined ? { load: load() } : { worker }),
          ...(outcome === undefined ? {} : { outcome }),
          ...(summary === undefined ? {} : { summary: sanitize(summary, { maxLength: 4000 }) }),
        }),
    };
  }

  /** Keep what a matrix or a bisection comes to so far; it is written with what comes next, at the latest at the end. */
  tell(about: { readonly matrix?: MatrixRecord; readonly bisect?: BisectRecord }): void {
    this.#record = { ...this.#record, ...about };
  }

  /** Keep who ran trials elsewhere. */
  tellWorker(name: string, worker: WorkerRecord): void {
    this.#record = { ...this.#record, workers: { ...this.#record.workers, [name]: worker } };
  }

  /** It ran to its end. */
  async finish(): Promise<void> {
    await this.#end({ state: "finished" });
  }

  /** It ended early, for this reason. */
  async fail(error: unknown): Promise<void> {
    await this.#end(
      this.#signal.aborted
        ? { state: "interrupted" }
        : { state: "failed", problem: sanitize(messageOf(error), { maxLength: 2000 }) },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#record.state === "running")
      await this.#end({ state: this.#signal.aborted ? "interrupted" : "failed" });
  }

  async #addParts(parts: Parts): Promise<string> {
    const described = await describeParts(parts, this.#hashes);
    // The list itself is too long for run.json; its hash there names it.
    const packages = join(this.dir, `packages-${described.image.packagesSha256.slice(0, 12)}.json`);
    if (!existsSync(packages))
      await writeFile(packages, `${JSON.stringify(parts.image.packages, null, 1)}\n`);
    const key = partsKey(described);
    this.#record = { ...this.#record, parts: { ...this.#record.parts, [key]: described } };
    return key;
  }

  async #end(how: Pick<RunRecord, "state" | "problem">): Promise<void> {
    this.#record = { ...this.#record, ...how, endedAt: new Date().toISOString(), load: this.#load() };
    await this.#write();
  }

  /** Write what is true now; whoever comes while something is being written shares the next write. */
  async #write(): Promise<void> {
    if (!this.#queued) {
      this.#queued = true;
      this.#writing = this.#writing.then(async () => {
        this.#queued = false;
        await writeRunFile(this.dir, this.#record);
      });
    }
    await this.#writing;
  }
}

/** Which dstate this is. */
export async function ownVersions(): Promise<RunRecord["dstate"]> {
  const revision = existsSync(join(ownHome(), ".git")) ? await commitOf(ownHome()) : undefined;
  return {
    version: ownVersion(),
    ...(revision === undefined ? {} : { revision }),
    node: process.versions.node,
  };
}

/**
 * Words as a line for a shell.
 *
 * @example shellLine(["dstate", "run", "a b"]) // "dstate run 'a b'"
 */
export function shellLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
