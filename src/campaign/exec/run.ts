import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import type { Duration } from "../../base/duration.ts";
import { DeadlineError, messageOf, UsageError } from "../../base/errors.ts";
import { longStep } from "../../base/past-durations.ts";
import type { Step } from "../../base/progress.ts";
import { keyOf } from "../../base/store.ts";
import { sanitize } from "../../base/text.ts";
import { timeouts } from "../../base/timeouts.ts";
import type { GuestProcess, ProcessExit } from "../../guest/process.ts";
import { takeFiles } from "../../guest/take.ts";
import { openVm } from "../../lab/open.ts";
import type { Parts } from "../../lab/parts.ts";
import type { MachineShape } from "../../lab/shape.ts";
import type { Vm } from "../../lab/vm.ts";
import { MachineFault } from "../../machine/fault.ts";
import { EvidenceCollector } from "../../repro/collect-evidence.ts";
import { type EvidenceFolder, openEvidence } from "../../repro/evidence.ts";
import { type AfterKill, type CommandEnd, type ExecCell, endOf, judgeCommand } from "./outcome.ts";
import { untilEndOrStuck, type Waited } from "./stuck.ts";

/** A command, and how it is run in each cell. */
export interface ExecPlan extends MachineShape {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** How long the command may take. */
  readonly within: Duration;
  readonly network: "isolated" | "user";
  readonly cold: boolean;
  /** Files and folders to bring back, relative to the command's folder, and where to. */
  readonly take?: { readonly names: readonly string[]; readonly to: string } | undefined;
  /** Told each piece of output as it comes. */
  readonly onOutput: (kernel: string, stream: "stdout" | "stderr", text: string) => void;
}

/**
 * Run a command on a machine of its own and say what became of it. A failure of ours or of the host is the outcome
 * `infra-error`, never the command's.
 *
 * @param cell.evidence the folder for everything that is seen.
 * @throws {UsageError} for what the user can mend, and the signal's reason when it aborts.
 */
export async function execInCell(
  plan: ExecPlan,
  cell: {
    readonly kernel: string;
    readonly evidence: string;
    /** Everything its machine is made from. */
    readonly provide: () => Promise<Parts>;
    /** Told of its machine when it runs. */
    readonly started?: (vm: Vm) => Promise<void>;
  },
  context: Context,
): Promise<ExecCell> {
  const folder = await openEvidence(cell.evidence);
  const about = { kernel: cell.kernel, evidence: folder.dir } as const;
  const nothing = {
    version: undefined,
    end: undefined,
    took: 0,
    findings: [],
    powerOff: undefined,
    taken: [],
  };
  let seen: ExecCell;
  try {
    const parts = await cell.provide();
    const title = `run on ${cell.kernel}`;
    const timing = { title, kind: `exec-${keyOf(plan.argv).slice(0, 12)}`, guess: undefined };
    seen = await longStep(context, timing, async (progress) => {
      const ran = await runOnMachine(plan, { ...cell, parts }, { folder, context, progress });
      const { lost: failure, ...seen } = ran;
      const judged = judgeCommand(seen);
      // A command that did well, and whose results are lost on the way, is no success that can be told.
      const outcome = judged === "green" && failure !== undefined ? "infra-error" : judged;
      progress.conclude({ green: "well", red: "not well", "infra-error": "infra-error" }[outcome]);
      return { ...about, ...seen, outcome, failure };
    });
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof UsageError) throw error;
    const failure = sanitize(messageOf(error)).slice(0, 1000);
    seen = { ...about, ...nothing, outcome: "infra-error", failure };
  }
  await folder.saveJson("exec.json", { ...seen, argv: plan.argv, env: plan.env });
  return seen;
}

type Ran = Omit<ExecCell, "kernel" | "evidence" | "outcome" | "failure"> & {
  /** Why results that were asked for were not brought back. */
  readonly lost: string | undefined;
};

async function runOnMachine(
  plan: ExecPlan,
  { kernel, parts, started }: { kernel: string; parts: Parts; started?: (vm: Vm) => Promise<void> },
  run: { folder: EvidenceFolder; context: Context; progress: Step },
): Promise<Ran> {
  const { folder, context, progress } = run;
  const { signal } = context;
  progress.update({ detail: "starting the machine" });
  await using vm = await openVm({
    ...context,
    parts,
    cpus: plan.cpus,
    memory: plan.memory,
    network: plan.network,
    cold: plan.cold,
    evidenceDir: folder.dir,
  });
  await started?.(vm);
  const cwd = parts.workload === undefined ? "/root" : "/srv/work";
  progress.update({ detail: plan.argv.join(" ") });
  const start = performance.now();
  let job: GuestProcess | undefined;
  let waited: Waited | { readonly type: "fault"; readonly fault: MachineFault };
  try {
    job = await vm.guest.spawn(plan.argv, {
      cwd,
      env: plan.env,
      signal,
      onOutput: (stream, text) => plan.onOutput(kernel, stream, text),
    });
    job.stdin.end();
    waited = await untilEndOrStuck(job, { within: plan.within, signal });
    if (waited.type === "exit" && isTakenDown(waited.exit)) await throwIfGoingDown(vm, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof MachineFault) || error.kind === "host") throw error;
    waited = { type: "fault", fault: error };
  }
  const took = Math.round(performance.now() - start);
  await folder.saveText("stdout.txt", job?.stdout.text ?? "");
  await folder.saveText("stderr.txt", job?.stderr.text ?? "");
  const afterKill =
    job && (waited.type === "stuck" || waited.type === "late")
      ? await killed(job, { folder, signal })
      : undefined;
  const collector = new EvidenceCollector(vm, folder, { signal });
  if (waited.type !== "exit") {
    progress.update({ detail: "collecting evidence" });
    await collector.collect(waited.type === "late" ? "light" : "full");
  }
  const log = await vm.kernelLog({ signal });
  await folder.saveText("dmesg.txt", log.text);
  await folder.saveJson("findings.json", log.findings);
  const end = endFrom(waited, afterKill, log.findings);
  progress.update({ detail: "fetching results" });
  const results =
    plan.take && waited.type !== "fault"
      ? await takeResults(vm, plan.take, { cwd, kernel, signal })
      : { taken: [], lost: undefined };
  progress.update({ detail: "powering off" });
  const powerOff = vm.machine.fatal
    ? undefined
    : await vm.powerOff({ within: timeouts.verdict.powerOff, signal });
  if (powerOff) await folder.saveJson("power-off.json", powerOff);
  // What a command does without the machine's disk says nothing about it.
  if (vm.machine.fatal?.kind === "host") throw vm.machine.fatal;
  return {
    version: parts.kernel.version,
    end,
    took,
    findings: log.findings,
    powerOff: powerOff?.state,
    ...results,
  };
}

/** A guest that goes down ends its commands by a signal, or breaks off the way to them. */
function isTakenDown({ exitCode, signal }: ProcessExit): boolean {
  return exitCode === null && (signal === null || /^SIG(?:TERM|KILL|HUP)$/.test(signal));
}

/**
 * Wait whether the machine ends, a moment after its command did.
 *
 * @throws {MachineFault} when it does.
 */
async function throwIfGoingDown(vm: Vm, signal: AbortSignal): Promise<void> {
  const limits = { within: timeouts.verdict.goingDown, signal };
  try {
    await vm.machine.race("the machine to end", limits, async () => await vm.machine.exited);
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
  }
  if (vm.machine.fatal) throw vm.machine.fatal;
}

async function killed(
  job: GuestProcess,
  { folder, signal }: { folder: EvidenceFolder; signal: AbortSignal },
): Promise<AfterKill> {
  try {
    await folder.saveJson("threads-before-kill.json", await job.processes({ signal }));
    const verdict = await job.kill("SIGKILL", { within: timeouts.verdict.kill, signal });
    await folder.saveJson("threads-after-kill.json", verdict);
    return { state: verdict.state, threads: verdict.threads };
  } catch (error) {
    signal.throwIfAborted();
    // A guest that does not tell: what is known of the command does not change by it.
    await folder.saveText("kill-failed.txt", messageOf(error));
    return { state: "unknown", threads: [] };
  }
}

function endFrom(
  waited: Waited | { readonly type: "fault"; readonly fault: MachineFault },
  afterKill: AfterKill | undefined,
  findings: ExecCell["findings"],
): CommandEnd {
  switch (waited.type) {
    case "exit":
      return endOf(waited.exit, findings);
    case "fault":
      return waited.fault.kind === "exit"
        ? { type: "machine-ended", reason: waited.fault.message }
        : { type: "crashed", reason: waited.fault.message };
    default:
      return { type: waited.type, afterKill: afterKill ?? { state: "unknown", threads: [] } };
  }
}

async function takeResults(
  vm: Vm,
  take: { readonly names: readonly string[]; readonly to: string },
  run: { cwd: string; kernel: string; signal: AbortSignal },
): Promise<Pick<Ran, "taken" | "lost">> {
  try {
    const to = join(take.to, run.kernel.replaceAll(/[^\w.+-]+/g, "_"));
    const taken = await takeFiles(vm.guest, take.names, { from: run.cwd, to, signal: run.signal });
    return { taken, lost: undefined };
  } catch (error) {
    run.signal.throwIfAborted();
    const why = sanitize(messageOf(error)).slice(0, 500);
    return { taken: [], lost: `the results were not brought back: ${why}` };
  }
}
