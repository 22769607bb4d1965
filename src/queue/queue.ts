import type { PgBoss } from "pg-boss";
import { z } from "zod";
import { lengthOf } from "../base/deadline.ts";
import { DstateError, messageOf } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { ownVersion } from "../base/version.ts";
import { pause, withDeadline } from "../base/wait.ts";
import type { Host } from "../record/host.ts";
import { parseQueueAddress } from "./address.ts";
import { explainDatabase, isOurMistake, rowsOf, type Statements } from "./database.ts";
import { mostEvidence, queueOptions, silence } from "./limits.ts";
import { bossSchema, ofAnotherDstate, prepareSchema } from "./schema.ts";
import {
  type Abilities,
  abilitiesSchema,
  type JobData,
  type JobResult,
  jobSchema,
  type Needs,
  needsSchema,
  queueOf,
  resultSchema,
} from "./work.ts";

/** A job that a worker has, until it is settled or its worker is silent for too long. */
export interface Claim {
  readonly queue: string;
  readonly id: string;
  /** Which attempt it is: a later one makes this one void. */
  readonly retryCount: number;
  readonly needs: Needs;
  readonly data: JobData;
}

/** A result, with whose it is. */
export interface Recorded {
  readonly job: string;
  readonly worker: string;
  readonly result: JobResult;
}

const recordedSchema = z.object({ job: z.string(), worker: z.string(), result: resultSchema });
const affectedSchema = z.object({ affected: z.int() });

/**
 * Jobs and their results in PostgreSQL. pg-boss keeps the jobs; what came of one is a row of dstate's own, written in
 * the transaction that ends the job.
 *
 * pg-boss: a queue in PostgreSQL with fenced attempts, heartbeats and settling in the caller's transaction; typed.
 *
 * @see https://pgboss.io
 */
export class Queue implements AsyncDisposable {
  readonly shown: string;
  readonly #boss: PgBoss;
  readonly #known = new Set<string>();
  readonly #lastWords: Promise<void>[] = [];

  private constructor(boss: PgBoss, shown: string) {
    this.#boss = boss;
    this.shown = shown;
  }

  /**
   * @throws {UsageError} for a wrong address, name or password, or another dstate's queue.
   * @throws {InfraError} when it does not answer, or has tables of another version.
   */
  static async open(
    address: string,
    options: { readonly signal: AbortSignal; readonly migrate?: boolean | undefined },
  ): Promise<Queue> {
    const { url, shown } = parseQueueAddress(address);
    // Only who uses a queue has to load it.
    const { PgBoss } = await import("pg-boss");
    const boss = new PgBoss({
      connectionString: url,
      application_name: "dstate",
      schema: bossSchema,
      schedule: false,
      max: 6,
      connectionTimeoutMillis: lengthOf(timeouts.jobs.answer),
      superviseIntervalSeconds: 5,
      monitorIntervalSeconds: 5,
      maintenanceIntervalSeconds: 3600,
      openTelemetry: { tracing: false, metrics: false },
    } as ConstructorParameters<typeof PgBoss>[0] & object);
    // What fails in the background fails in the foreground as well, where it is told.
    boss.on("error", () => {});
    boss.on("warning", () => {});
    try {
      await withDeadline(`the queue ${shown}`, { within: timeouts.jobs.open, signal: options.signal }, () =>
        boss.start(),
      );
      await prepareSchema(boss, shown, { migrate: options.migrate === true });
      await boss
        .getDb()
        .executeSql("DELETE FROM dstate.evidence WHERE added_at < now() - interval '14 days'");
      return new Queue(boss, shown);
    } catch (error) {
      await boss.stop({ graceful: false }).catch(() => {});
      options.signal.throwIfAborted();
      throw explainDatabase(shown, error);
    }
  }

  get #db(): Statements {
    return this.#boss.getDb();
  }

  /**
   * Do something that may be done again until it succeeds: a database that is started anew, or a line that is cut, is
   * waited for.
   *
   * @throws {DeadlineError} when it does not come back, {DstateError} what waiting does not mend.
   */
  async insist<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return await withDeadline(what, { within: timeouts.jobs.outage, signal }, async (inner) => {
      for (;;) {
        try {
          return await work();
        } catch (error) {
          inner.throwIfAborted();
          if (error instanceof DstateError || error instanceof z.ZodError || isOurMistake(error)) throw error;
          await pause(500, inner);
        }
      }
    });
  }

  /** Ask for a job, unless it was asked for before. */
  async ask(id: string, needs: Needs, data: JobData): Promise<void> {
    const name = queueOf(needs);
    if (!this.#known.has(name)) {
      await this.#boss.createQueue(name, queueOptions);
      await this.#db.executeSql(
        "INSERT INTO dstate.needs (queue, needs) VALUES ($1, $2) ON CONFLICT (queue) DO UPDATE SET asked_at = now()",
        [name, JSON.stringify(needs)],
      );
      this.#known.add(name);
    }
    await this.#boss.send(name, data, { id });
  }

  /** Take a job back that nobody has begun. */
  async cancel(id: string, needs: Needs): Promise<void> {
    const name = queueOf(needs);
    const [job] = await this.#boss.findJobs(name, { id, queued: true });
    if (job) await this.#boss.deleteJob(name, id);
  }

  /** Whether a job ended without a result: every worker that took it died of it, or gave it back. */
  async isLost(id: string, needs: Needs): Promise<boolean> {
    const [job] = await this.#boss.findJobs(queueOf(needs), { id });
    return job?.state === "failed";
  }

  /** Results of some jobs, as far as there are any. */
  async resultsOf(jobs: readonly string[]): Promise<Recorded[]> {
    return await rowsOf(
      this.#db,
      recordedSchema,
      "SELECT job, worker, result FROM dstate.results WHERE job = ANY($1::uuid[])",
      [jobs],
    );
  }

  /** All results about a repro as it is, the first one first. */
  async resultsAbout(definition: string): Promise<Recorded[]> {
    return await rowsOf(
      this.#db,
      recordedSchema,
      "SELECT job, worker, result FROM dstate.results WHERE definition = $1 ORDER BY recorded_at, job",
      [definition],
    );
  }

  /** Needs of jobs that were asked for of late, with how many seconds ago that was. */
  async asked(): Promise<{ readonly queue: string; readonly needs: Needs; readonly age: number }[]> {
    return await rowsOf(
      this.#db,
      z.object({ queue: z.string(), needs: needsSchema, age: z.coerce.number() }),
      `SELECT queue, needs, extract(epoch FROM now() - asked_at) AS age FROM dstate.needs
       WHERE asked_at > now() - interval '14 days' ORDER BY asked_at`,
    );
  }

  /** What the workers have that were heard of just now, but for one. */
  async othersThan(name: string): Promise<Abilities[]> {
    const rows = await rowsOf(
      this.#db,
      z.object({ abilities: abilitiesSchema }),
      `SELECT abilities FROM dstate.workers WHERE name <> $1 AND seen_at > now() - interval '${silence} seconds'`,
      [name],
    );
    return rows.map(({ abilities }) => abilities);
  }

  /** The evidence of a trial, as its worker sent it with the record. */
  async evidenceOf(job: string): Promise<Buffer | undefined> {
    const [row] = await rowsOf(
      this.#db,
      z.object({ bytes: z.instanceof(Buffer) }),
      "SELECT bytes FROM dstate.evidence WHERE job = $1",
      [job],
    );
    return row?.bytes;
  }

  /** Take a job of a queue; undefined: there is none. */
  async take(queue: string, needs: Needs): Promise<Claim | undefined> {
    const [job] = await this.#boss.fetch<unknown>(queue, { includeMetadata: true });
    if (!job) return undefined;
    const data = jobSchema.parse(job.data);
    return { queue, id: job.id, retryCount: job.retryCount, needs, data };
  }

  /** Say that a job is still worked at; false: it is not ours any more. */
  async hold(claim: Claim): Promise<boolean> {
    return affectedSchema.parse(await this.#boss.touch(claim.queue, claim)).affected === 1;
  }

  /** Give a job back: another worker may have it at once. */
  async giveBack(claim: Claim): Promise<void> {
    await this.#boss.fail(claim.queue, claim, { reason: "given back" });
  }

  /**
   * Write down what came of a job and end it, in one transaction: either both are done or neither.
   *
   * @param evidence goes with it, unless the table of them is full.
   * @returns false when it is not ours any more; nothing is written then.
   */
  async settle(claim: Claim, worker: string, result: JobResult, evidence?: Buffer): Promise<boolean> {
    const transaction = await this.#boss.getDb().beginTransaction?.();
    if (!transaction) throw new Error("pg-boss has no transactions");
    try {
      const { db } = transaction;
      const ended = affectedSchema.parse(await this.#boss.complete(claim.queue, claim, null, { db }));
      // After an end that we were not told of, as when the line is cut during a commit, it is ours already.
      if (ended.affected !== 1) {
        await transaction.rollback();
        const [found] = await this.resultsOf([claim.id]);
        return found?.worker === worker;
      }
      await db.executeSql(
        "INSERT INTO dstate.results (job, definition, worker, attempt, result) VALUES ($1, $2, $3, $4, $5)",
        [claim.id, claim.data.definition, worker, claim.retryCount, JSON.stringify(result)],
      );
      if (evidence)
        await db.executeSql(
          `INSERT INTO dstate.evidence (job, bytes) SELECT $1, $2
           WHERE pg_total_relation_size('dstate.evidence') < ${mostEvidence}`,
          [claim.id, evidence],
        );
      await transaction.commit();
      return true;
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }

  /**
   * Say who is here and what it has.
   *
   * @throws {UsageError} when another dstate has taken the queue over meanwhile.
   */
  async introduce(name: string, host: Host, abilities: Abilities): Promise<void> {
    const [row] = await rowsOf(
      this.#db,
      z.object({ owner: z.string().nullable() }),
      `INSERT INTO dstate.workers (name, dstate, host, abilities) VALUES ($1, $2, $3, $4)
       ON CONFLICT (name) DO UPDATE SET dstate = $2, host = $3, abilities = $4, seen_at = now()
       RETURNING (SELECT dstate FROM dstate.about) AS owner`,
      [name, ownVersion(), JSON.stringify(host), JSON.stringify(abilities)],
    );
    if (row?.owner !== ownVersion()) throw ofAnotherDstate(this.shown, row?.owner ?? "none");
  }

  /** Say that a worker is here no longer: nobody waits for it, or counts on its kernels. */
  async leave(name: string): Promise<void> {
    await this.#db.executeSql("UPDATE dstate.workers SET seen_at = '-infinity' WHERE name = $1", [name]);
  }

  /** Keep a repro's files, for workers that do not have them. */
  async saveRepro(repro: {
    readonly definition: string;
    readonly id: string;
    readonly file: string;
    readonly files: Readonly<Record<string, string>>;
  }): Promise<void> {
    await this.#db.executeSql(
      "INSERT INTO dstate.repros (definition, id, file, files) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
      [repro.definition, repro.id, repro.file, JSON.stringify(repro.files)],
    );
  }

  /** A repro's files, in base64 by path. */
  async findRepro(
    definition: string,
  ): Promise<
    | { readonly id: string; readonly file: string; readonly files: Readonly<Record<string, string>> }
    | undefined
  > {
    const schema = z.object({ id: z.string(), file: z.string(), files: z.record(z.string(), z.string()) });
    const [row] = await rowsOf(
      this.#db,
      schema,
      "SELECT id, file, files FROM dstate.repros WHERE definition = $1",
      [definition],
    );
    return row;
  }

  /** Forget all results about something, with their evidence. */
  async forget(definition: string): Promise<void> {
    await this.#db.executeSql("DELETE FROM dstate.results WHERE definition = $1", [definition]);
  }

  /** How many workers were heard of just now, and how many trials they run together. */
  async countWorkers(): Promise<number> {
    const [row] = await rowsOf(
      this.#db,
      z.object({ count: z.coerce.number() }),
      `SELECT count(*) FROM dstate.workers WHERE seen_at > now() - interval '${silence} seconds'`,
    );
    return row?.count ?? 0;
  }

  /** An error of this queue, for people. */
  explain(error: unknown): Error {
    return explainDatabase(this.shown, error);
  }

  /** Have something waited for before the connection is closed. */
  beforeClosing(work: Promise<void>): void {
    this.#lastWords.push(work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#lastWords);
    await this.#boss.stop({ graceful: false, close: true }).catch((error: unknown) => void messageOf(error));
  }
}
