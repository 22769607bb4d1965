import type { Context } from "../base/context.ts";
import { served } from "../base/deadline.ts";
import { DeadlineError, InfraError, messageOf, UsageError } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import type { Step } from "../base/progress.ts";
import { keyOf } from "../base/store.ts";
import { oneLine } from "../base/text.ts";
import { withDeadline } from "../base/wait.ts";
import { type Cell, describeCell } from "../lab/cell.ts";
import { Keeper, type KeptMachine } from "../lab/keeper.ts";
import { openVm } from "../lab/open.ts";
import type { Parts } from "../lab/parts.ts";
import { type RecordedMachine, recordingOf, settleRecording } from "../lab/recorded.ts";
import { shapeOf } from "../lab/shape.ts";
import type { Vm } from "../lab/vm.ts";
import type { Moves } from "../machine/argv.ts";
import { MachineFault } from "../machine/fault.ts";
import { takeRoom } from "../machine/lease.ts";
import { Run, type TrialStart } from "../record/run.ts";
import type { MachineRecord, RecordedOutcome } from "../record/run-record.ts";
import { AuthorError } from "./author-error.ts";
import { type Collected, type Depth, EvidenceCollector, ensureFindings } from "./collect-evidence.ts";
import type { Repro } from "./define.ts";
import { openEvidence } from "./evidence.ts";
import type { Outcome } from "./outcome.ts";
import { describeProblem, isFailedProgram, ownErrorOf, type Problem } from "./problem.ts";
import { aboutRepro, rerunLine } from "./rerun.ts";

/** One trial, as it is saved and shown. */
export interface TrialResult<Observation = unknown> {
  readonly repro: string;
  readonly cell: Cell;
  readonly outcome: Outcome;
  /** What was seen, or what went wrong, in one sentence. */
  readonly summary: string;
  readonly columns: Readonly<Record<string, string>>;
  /** What the trial returned; undefined when it did not come so far. */
  readonly observation: Observation | undefined;
  readonly versions: Readonly<Record<string, string>>;
  readonly startedAt: string;
  /** Milliseconds. */
  readonly took: number;
  readonly evidence: string;
  /** What was collected when it was over, and what could not be. */
  readonly collected: readonly Collected[];
  /** The error that ended it, where one did. */
  readonly problem?: Problem | undefined;
  /** Its machine, which `dstate attach` revives. */
  readonly kept?: KeptMachine | undefined;
  /** Its recording, which `dstate replay` runs again. */
  readonly recorded?: RecordedMachine | undefined;
}

/**
 * What a trial observed.
 *
 * @throws {InfraError} when it did not come so far, with what it says instead.
 * @example expect(observationOf(trial).afterKill?.state).toBe("D")
 */
export function observationOf<Observation>(trial: TrialResult<Observation>): Observation {
  if (trial.observation !== undefined) return trial.observation;
  throw new InfraError(`the trial is ${trial.outcome} and observed nothing: ${trial.summary}`, {
    evidence: trial.evidence,
  });
}

export interface TrialOptions {
  /** Boot the machine, and neither use nor make a frozen one. */
  readonly cold?: boolean | undefined;
  /** Also save the guest's memory when the trial cannot be judged. As large as the guest's memory, at worst. */
  readonly memoryDump?: boolean | undefined;
  /**
   * Keep the machine of a trial that is not clean, as it was before it was told to power off. A function is asked
   * when the trial reproduced, and keeps the machine as it is then.
   */
  readonly keep?: boolean | (() => Promise<boolean>) | undefined;
  /**
   * Record the machine, and leave the recording of a trial that is not clean; `reproduced`: of one that reproduced
   * only.
   */
  readonly record?: boolean | "reproduced" | undefined;
  /**
   * How the threads of a recorded guest are moved against each other.
   *
   * @internal
   */
  readonly moves?: Moves | undefined;
  /**
   * The run that it is a trial of. Default: one of its own.
   *
   * @internal
   */
  readonly run?: Run | undefined;
  /** What it should come to, where that is known. */
  readonly expected?: Outcome | undefined;
  /** The candidate of a bisection that it tries. */
  readonly candidate?: string | undefined;
  /**
   * Called when a process of the trial is stuck: what is left of it is mostly to wait.
   *
   * @internal
   */
  readonly onStall?: (() => void) | undefined;
}

/** What a trial comes to, before it is known where and when. */
type TrialEnd<Observation = unknown> = Pick<
  TrialResult<Observation>,
  "outcome" | "summary" | "columns" | "observation" | "problem" | "kept" | "recorded"
>;

/**
 * Run one trial of a repro in a cell, on a machine of its own. A failure of ours or of the host becomes the
 * outcome `infra-error`. A command of the trial that fails in the guest, where the trial does not allow for that,
 * makes it `inconclusive`: the workload could not be judged.
 *
 * @throws {AuthorError} for a mistake in the repro's own code, which is saved as the trial's `usage-error`.
 * @throws {InterruptedError} when the user interrupts.
 * @example const { outcome } = await runTrial(repro, cell, await provideParts(repro, cell, context), context);
 */
export async function runTrial<Observation>(
  repro: Repro<Observation>,
  cell: Cell,
  parts: Parts,
  context: Context,
  options: TrialOptions = {},
): Promise<TrialResult<Observation>> {
  if (options.run) return await trialOf(options.run, {}, repro, cell, parts, context, options);
  await using run = await Run.open({ kind: "trial", ...aboutRepro(repro) }, context);
  const trial = await trialOf(run, { folder: "." }, repro, cell, parts, context, options);
  await run.finish();
  return trial;
}

async function trialOf<Observation>(
  run: Run,
  place: Pick<TrialStart, "folder">,
  repro: Repro<Observation>,
  cell: Cell,
  parts: Parts,
  context: Context,
  options: TrialOptions,
): Promise<TrialResult<Observation>> {
  const { memory } = shapeOf(repro.machine);
  // What it waits for other machines is no part of the trial.
  using room = await takeRoom(memory, context);
  const running = await run.begin({
    title: describeCell(cell),
    cell,
    rerun: rerunLine(repro.id, cell),
    parts,
    ...(options.expected === undefined ? {} : { expected: options.expected }),
    ...(options.candidate === undefined ? {} : { candidate: options.candidate }),
    ...place,
  });
  const startedAt = new Date();
  const start = performance.now();
  const evidence = await openEvidence(running.dir);
  let collector: EvidenceCollector | undefined;
  let machineVersions: Readonly<Record<string, string>> | undefined;
  const finish = async <Result extends Omit<TrialEnd, "outcome"> & { readonly outcome: RecordedOutcome }>(
    result: Result,
  ): Promise<Result & Omit<TrialResult, keyof TrialEnd>> => {
    const collected = [...(collector?.collected ?? []), ...(await ensureFindings(evidence))];
    const trial = {
      repro: repro.id,
      cell,
      ...result,
      versions: { ...versionsOf(run, parts), ...machineVersions },
      startedAt: startedAt.toISOString(),
      took: Math.round(performance.now() - start),
      evidence: evidence.dir,
      collected,
    };
    await evidence.saveJson("trial.json", { schemaVersion: 1, ...trial });
    await running.ended(trial);
    return trial;
  };
  const onMachine = async (progress: Step): Promise<TrialEnd<Observation>> => {
    const { signal } = context;
    progress.update({ detail: "booting" });
    await using vm = await openVm({
      ...context,
      ...repro.machine,
      parts,
      evidenceDir: evidence.dir,
      cold: options.cold,
      recordInto: options.record ? recordingOf(evidence.dir) : undefined,
      recordedMoves: options.moves,
      room,
    });
    vm.whenStalled(() => options.onStall?.());
    const machine = aboutMachine(vm);
    machineVersions = { qemu: machine.qemu, acceleration: machine.acceleration };
    await running.started(machine);
    const say = (text: string): void => {
      vm.mark(text);
      progress.update({ detail: text });
    };
    collector = new EvidenceCollector(vm, evidence, { signal, say, memoryDump: options.memoryDump });
    const keeper = new Keeper(vm, evidence.dir, { signal, say, note: (text) => progress.note(text) });
    vm.beforePowerOff(async () => {
      await collector?.throughGuest();
      if (options.keep === true) await keeper.keep();
      say("powering off");
    });
    const given = { vm, cell, workload: "/srv/work", deadline: repro.deadline, evidence, say };
    const limits = { within: served(repro.deadline), pace: vm.machine.pace, signal };
    try {
      const judged = await withDeadline(
        `the trial of ${repro.id}`,
        limits,
        async (inner) => await repro.run({ ...given, signal: inner }),
      );
      // Whatever the trial made of it: what a machine does without its disk says nothing.
      if (vm.machine.fatal?.kind === "host") throw vm.machine.fatal;
      await collector.collect(depthFor[judged.outcome]);
      return { ...judged, kept: await keeper.decide(judged.outcome, options.keep) };
    } catch (error) {
      // Whatever went wrong, the machine is still there to be asked. An author's mistake does not need its answer.
      signal.throwIfAborted();
      await collector.collect(error instanceof AuthorError ? "log" : "full");
      await keeper.decide(error instanceof AuthorError ? "clean" : "inconclusive", options.keep);
      throw error;
    }
  };
  const settled = async (outcome: Outcome): Promise<Pick<TrialResult, "recorded">> => {
    if (!options.record) return {};
    const stays = options.record === "reproduced" ? outcome === "reproduced" : outcome !== "clean";
    return { recorded: await settleRecording(recordingOf(evidence.dir), stays) };
  };
  return await longStep(
    context,
    { title: `trial: ${describeCell(cell)}`, kind: `trial-${repro.id}`, guess: undefined },
    async (progress) => {
      try {
        const end = await onMachine(progress);
        const trial = await finish({ ...end, ...(await settled(end.outcome)) });
        progress.conclude(trial.outcome);
        return trial;
      } catch (error) {
        // An interruption is the user's will; half a recording is nothing.
        if (context.signal.aborted) await settled("clean");
        context.signal.throwIfAborted();
        if (error instanceof AuthorError) {
          await settled("clean");
          progress.conclude("usage-error");
          const { message: summary, problem, observation } = error;
          await finish({ outcome: "usage-error", summary, columns: {}, observation, problem });
          throw error.savedIn(evidence.dir);
        }
        const failed = failureOf(error, { booted: machineVersions !== undefined });
        progress.conclude(`${failed.outcome}: ${failed.summary}`);
        return await finish({ ...failed, ...(await settled(failed.outcome)) });
      }
    },
  );
}

/**
 * What a trial that threw comes to. Before the guest answers, a deadline or a crash says nothing about the workload.
 *
 * @throws what is the user's to mend.
 */
function failureOf(error: unknown, { booted }: { readonly booted: boolean }): TrialEnd<never> {
  const own = ownErrorOf(error);
  if (own instanceof UsageError) throw own;
  const unfinished =
    own instanceof DeadlineError ||
    isFailedProgram(error) ||
    (own instanceof MachineFault && (own.kind === "panic" || own.kind === "oops"));
  return {
    outcome: booted && unfinished ? "inconclusive" : "infra-error",
    summary: oneLine(messageOf(error), { maxLength: 1000 }),
    columns: {},
    observation: undefined,
    problem: describeProblem(error),
  };
}

/** What a run records of a machine. */
export function aboutMachine({ machine, acceleration, start }: Vm): MachineRecord {
  return { command: [...machine.command], qemu: machine.qmp.version, acceleration, start };
}

/** A clean trial has nothing to tell; one that was judged needs no more than a healthy kernel tells at once. */
const depthFor: Record<Exclude<Outcome, "infra-error">, Depth> = {
  clean: "log",
  reproduced: "light",
  inconclusive: "full",
};

function versionsOf({ record }: Run, parts: Parts): Record<string, string> {
  const node = parts.node ?? parts.image.node;
  const { version, revision } = record.dstate;
  return {
    dstate: revision === undefined ? version : `${version} (${revision})`,
    // The same as long as none of its files changes; run.json has them one by one.
    ...(record.repro ? { repro: keyOf(record.repro.files).slice(0, 12) } : {}),
    kernel: parts.kernel.version,
    kernelFrom: parts.kernel.provenance,
    image: parts.image.provenance,
    ...(node ? { node: node.version, libuv: node.libuv } : {}),
  };
}
