import type { Context } from "../base/context.ts";
import { DeadlineError, InfraError, messageOf, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { sanitize } from "../base/text.ts";
import { withDeadline } from "../base/wait.ts";
import { type Cell, describeCell } from "../lab/cell.ts";
import { openVm } from "../lab/open.ts";
import type { Parts } from "../lab/parts.ts";
import { runFolder } from "../lab/run-folder.ts";
import { shapeOf } from "../lab/shape.ts";
import { MachineFault } from "../machine/fault.ts";
import { takeRoom } from "../machine/lease.ts";
import { type Collected, type Depth, EvidenceCollector, ensureFindings } from "./collect-evidence.ts";
import type { Repro } from "./define.ts";
import { openEvidence } from "./evidence.ts";
import type { Outcome } from "./outcome.ts";

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
}

/**
 * Run one trial of a repro in a cell, on a machine of its own. A failure of ours or of the host becomes the
 * outcome `infra-error`; the user's interruption is thrown.
 */
export async function runTrial<Observation>(
  repro: Repro<Observation>,
  cell: Cell,
  parts: Parts,
  context: Context,
  options: TrialOptions = {},
): Promise<TrialResult<Observation>> {
  const { memory } = shapeOf(repro.machine);
  // What it waits for other machines is no part of the trial.
  using room = await takeRoom(memory, context);
  const startedAt = new Date();
  const start = performance.now();
  const evidence = await openEvidence(runFolder(context.settings, repro.id, startedAt));
  let collector: EvidenceCollector | undefined;
  const finish = async (
    result: Pick<TrialResult<Observation>, "outcome" | "summary" | "columns" | "observation">,
    more: Record<string, string> = {},
  ): Promise<TrialResult<Observation>> => {
    const collected = [...(collector?.collected ?? []), ...(await ensureFindings(evidence))];
    const trial: TrialResult<Observation> = {
      repro: repro.id,
      cell,
      ...result,
      versions: { ...versionsOf(parts), ...more },
      startedAt: startedAt.toISOString(),
      took: Math.round(performance.now() - start),
      evidence: evidence.dir,
      collected,
    };
    await evidence.saveJson("trial.json", trial);
    return trial;
  };
  // Before the guest answers, a deadline or a crash says nothing about the workload.
  let booted = false;
  try {
    return await step(context.progress, `trial: ${describeCell(cell)}`, async (progress) => {
      progress.update({ detail: "booting" });
      await using vm = await openVm({
        ...context,
        ...repro.machine,
        parts,
        evidenceDir: evidence.dir,
        cold: options.cold,
        room,
      });
      booted = true;
      const say = (text: string): void => progress.update({ detail: text });
      const { signal } = context;
      collector = new EvidenceCollector(vm, evidence, { signal, say, memoryDump: options.memoryDump });
      vm.beforePowerOff(async () => {
        await collector?.throughGuest();
        progress.update({ detail: "powering off" });
      });
      const judged = await withDeadline(
        `the trial of ${repro.id}`,
        { within: repro.deadline, signal },
        async (inner) =>
          await repro.run({
            vm,
            cell,
            workload: "/srv/work",
            deadline: repro.deadline,
            signal: inner,
            evidence,
            say,
          }),
      ).catch(async (error: unknown) => {
        // Whatever went wrong, the machine is still there to be asked.
        signal.throwIfAborted();
        await collector?.collect("full");
        throw error;
      });
      await collector.collect(depthFor[judged.outcome]);
      return await finish(judged, { acceleration: vm.acceleration });
    });
  } catch (error) {
    // An interruption is the user's will, and a usage error the user's to mend: neither is a trial.
    context.signal.throwIfAborted();
    if (error instanceof UsageError) throw error;
    const unfinished =
      booted && (error instanceof DeadlineError || (error instanceof MachineFault && error.kind !== "exit"));
    return await finish({
      outcome: unfinished ? "inconclusive" : "infra-error",
      summary: sanitize(messageOf(error)).slice(0, 1000),
      columns: {},
      observation: undefined,
    });
  }
}

/** A clean trial has nothing to tell; one that was judged needs no more than a healthy kernel tells at once. */
const depthFor: Record<Exclude<Outcome, "infra-error">, Depth> = {
  clean: "log",
  reproduced: "light",
  inconclusive: "full",
};

function versionsOf(parts: Parts): Record<string, string> {
  return {
    kernel: parts.kernel.version,
    kernelFrom: parts.kernel.provenance,
    image: parts.image.provenance,
    ...(parts.node ? { node: parts.node.version, libuv: parts.node.libuv } : {}),
  };
}
