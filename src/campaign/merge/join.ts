import { type DstateError, UsageError } from "../../base/errors.ts";
import { keyOf } from "../../base/store.ts";
import type { StoredRun } from "../../record/read-run.ts";
import type { RunRecord, TrialRecord, WorkerRecord } from "../../record/run-record.ts";

/** A folder of evidence that belongs to a joined run. */
export interface EvidenceCopy {
  readonly from: string;
  /** Its folder below the joined run's. */
  readonly folder: string;
  /** The run's folder name and the trial's folder in it, as ledgers name it. */
  readonly name: string;
}

/** Several runs as one, before anything is written. */
export interface JoinedRun {
  readonly record: Pick<
    RunRecord,
    | "kind"
    | "about"
    | "title"
    | "upstream"
    | "state"
    | "problem"
    | "startedAt"
    | "endedAt"
    | "rerun"
    | "repro"
    | "parts"
    | "trials"
    | "workers"
    | "missingShards"
  >;
  readonly copies: readonly EvidenceCopy[];
  /** Trials that were in more than one of the folders, and count once. */
  readonly doubles: number;
  /** Numbers of shards that ran to no end: what they have is here, and is not all. */
  readonly unfinished: readonly number[];
  /** How many shards there should be; undefined: the runs are no shards. */
  readonly of: number | undefined;
}

/** A trial that was run once is in a run of this name under this number, wherever it was copied to. */
function originOf(run: RunRecord, trial: TrialRecord): NonNullable<TrialRecord["origin"]> {
  return trial.origin ?? { run: run.id, number: trial.number };
}

/**
 * Join runs of one thing: shards of a campaign, or the same command on several hosts. Pure.
 *
 * @throws {UsageError} for runs that do not belong together.
 */
export function joinRuns(stored: readonly StoredRun[]): JoinedRun {
  const runs = [...stored].sort((a, b) => (a.record.startedAt < b.record.startedAt ? -1 : 1));
  const [first] = runs;
  if (!first) throw new UsageError("there is no run to join");
  for (const other of runs) checkAlike(first, other);
  const workers: Record<string, WorkerRecord> = {};
  const trials: TrialRecord[] = [];
  const copies: EvidenceCopy[] = [];
  const seen = new Set<string>();
  let doubles = 0;
  for (const run of runs) {
    const { record } = run;
    Object.assign(workers, record.workers ?? { [record.id]: workerOf(run) });
    for (const trial of record.trials) {
      if (!/^(?:\.|[\w-][\w.-]*)$/.test(trial.folder))
        throw new UsageError(`${record.id} says that a trial lies in "${trial.folder}", outside of it`, {
          next: "Leave this run out: its run.json was not written by dstate.",
        });
      const origin = originOf(record, trial);
      const identity = keyOf([origin.run, origin.number, trial.startedAt, trial.cell ?? trial.title]);
      if (seen.has(identity)) {
        doubles += 1;
        continue;
      }
      seen.add(identity);
      const number = trials.length + 1;
      trials.push({ ...trial, number, folder: `${number}`, origin, worker: trial.worker ?? record.id });
      copies.push({
        from: trial.folder === "." ? run.dir : `${run.dir}/${trial.folder}`,
        folder: `${number}`,
        name: trial.folder === "." ? record.id : `${record.id}/${trial.folder}`,
      });
    }
  }
  const shards = Object.values(workers).flatMap(({ shard, state }) => (shard ? [{ ...shard, state }] : []));
  const of = shards[0]?.of;
  const numbers = Array.from({ length: of ?? 0 }, (_, index) => index + 1);
  const missing = numbers.filter((number) => !shards.some((shard) => shard.number === number));
  // A job that was run again and got to its end has all.
  const unfinished = numbers.filter(
    (number) =>
      !missing.includes(number) &&
      !shards.some((shard) => shard.number === number && shard.state === "finished"),
  );
  const broken = of === undefined ? runs.filter(({ state }) => state !== "finished") : [];
  const problem = problemOf({ missing, unfinished, of, broken });
  const isOne = runs.every(({ record }) => record.about === first.record.about);
  const last = runs
    .map(({ record }) => record.endedAt ?? record.startedAt)
    .sort()
    .at(-1);
  return {
    record: {
      kind: first.record.kind,
      about: isOne ? first.record.about : "tests",
      ...(first.record.title === undefined || !isOne ? {} : { title: first.record.title }),
      ...(first.record.upstream === undefined ? {} : { upstream: first.record.upstream }),
      ...(problem === undefined ? { state: "finished" as const } : { state: "failed" as const, problem }),
      startedAt: first.record.startedAt,
      ...(last === undefined ? {} : { endedAt: last }),
      rerun: first.record.rerun.replace(/ --shard[ =]\S+/, ""),
      ...(first.record.repro === undefined ? {} : { repro: first.record.repro }),
      parts: Object.assign({}, ...runs.map(({ record }) => record.parts)) as RunRecord["parts"],
      trials,
      workers,
      ...(missing.length === 0 ? {} : { missingShards: missing }),
    },
    copies,
    doubles,
    unfinished,
    of,
  };
}

/** Whether a run was joined from others: it has nothing of its own. */
export function isJoined({ trials }: RunRecord): boolean {
  return trials.length > 0 && trials.every(({ origin }) => origin !== undefined);
}

function workerOf({ record, state }: StoredRun): WorkerRecord {
  const { shard } = record;
  return {
    host: record.host,
    dstate: record.dstate.version,
    state,
    ...(shard === undefined ? {} : { shard: { number: shard.number, of: shard.of } }),
  };
}

function problemOf(found: {
  readonly missing: readonly number[];
  readonly unfinished: readonly number[];
  readonly of: number | undefined;
  readonly broken: readonly StoredRun[];
}): string | undefined {
  const { missing, unfinished, of, broken } = found;
  const told = [
    ...(missing.length === 0 ? [] : [`${shardsText(missing)} of ${of} ${are(missing)} missing`]),
    ...(unfinished.length === 0 ? [] : [`${shardsText(unfinished)} of ${of} ran to no end`]),
    ...(broken.length === 0 ? [] : [`${broken.length} of the runs ran to no end`]),
  ];
  return told.length === 0 ? undefined : told.join("; ");
}

function are(list: readonly number[]): string {
  return list.length === 1 ? "is" : "are";
}

/** @example shardsText([2, 3]) // "shards 2, 3" */
function shardsText(numbers: readonly number[]): string {
  return `${numbers.length === 1 ? "shard" : "shards"} ${numbers.join(", ")}`;
}

function checkAlike({ record: a }: StoredRun, { record: b }: StoredRun): void {
  const refuse = (what: string, next = "Name the folders of the runs that belong together."): DstateError =>
    new UsageError(`${a.id} and ${b.id} cannot be joined: ${what}`, { next });
  if (a.bisect !== undefined || b.bisect !== undefined)
    throw refuse(
      "a bisection is one run, whose next trial depends on all before",
      "`dstate bisect` with --queue gives its trials to several hosts.",
    );
  if (a.kind !== b.kind) throw refuse(`one is of \`dstate ${a.kind}\`, the other of \`dstate ${b.kind}\``);
  if (a.kind !== "test" && a.about !== b.about)
    throw refuse(`one is about ${a.about}, the other about ${b.about}`);
  const files = ({ repro }: RunRecord): string => JSON.stringify(Object.entries(repro?.files ?? {}).sort());
  if (files(a) !== files(b))
    throw refuse("they ran different versions of the repro's files", "Have all jobs run the same commit.");
  if (isJoined(a) || isJoined(b)) return;
  if ((a.shard === undefined) !== (b.shard === undefined)) throw refuse("one is a shard, the other is not");
  if (a.shard !== undefined && b.shard !== undefined && a.shard.campaign !== b.shard.campaign)
    throw refuse("they are shards of different campaigns: other cells, or other numbers of trials");
  if (a.shard !== undefined && b.shard !== undefined && a.shard.of !== b.shard.of)
    throw refuse(`one is of ${a.shard.of} shards, the other of ${b.shard.of}`);
}
