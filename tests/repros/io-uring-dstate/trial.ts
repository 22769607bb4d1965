import type {
  Finding,
  KillVerdict,
  PowerOffVerdict,
  ProcessSnapshot,
  TrialContext,
  WaitOutcome,
} from "../../../src/index.ts";

/** What a trial of this report saw. */
export interface Observation {
  readonly workload: string;
  readonly rounds: number;
  readonly completedRounds: number;
  readonly ended:
    | { readonly type: "exit"; readonly exitCode: number | null; readonly signal: string | null }
    | { readonly type: "stall" }
    /** `working`: what it was still seen to do at its deadline. */
    | { readonly type: "deadline"; readonly working: string | undefined };
  /** Milliseconds from the start of the workload to its end or stall. */
  readonly endedAfter: number;
  /** How the process looked before anybody touched it. */
  readonly beforeKill: readonly ProcessSnapshot[];
  readonly afterKill: KillVerdict | undefined;
  readonly hungTasks: readonly Finding[];
  readonly powerOff: {
    readonly state: PowerOffVerdict["state"];
    readonly after: number;
    readonly waitingFor: readonly string[];
    readonly stopJobs: readonly string[];
  };
}

/** The report's steps: run the workload until it stalls, kill it, read the log, power off. */
export async function observe({
  vm,
  cell,
  workload,
  signal,
  evidence,
  say,
}: TrialContext): Promise<Observation> {
  const job = jobOf(cell.axes.workload ?? "lstat", workload);
  say(`running ${job.name}`);
  let seen = 0;
  const process = await vm.guest.spawn(job.command, {
    cwd: job.cwd,
    env: { ...cell.env, ...job.env },
    signal,
    onOutput: (_stream, text) => {
      seen += text.split("\n").filter((line) => line.startsWith("round ")).length;
      say(`running ${job.name}, ${seen} of ${job.rounds} rounds`);
    },
  });
  const roundsDone = (): number =>
    process.stdout.text.split("\n").filter((line) => line.startsWith("round ")).length;
  const ended = await process.untilExitOrStall({ deadline: job.deadline, progress: roundsDone, signal });
  const completedRounds = roundsDone();
  await evidence.saveText("workload-stdout.txt", process.stdout.text);
  await evidence.saveText("workload-stderr.txt", process.stderr.text);
  let afterKill: KillVerdict | undefined;
  let beforeKill: readonly ProcessSnapshot[] = [];
  if (ended.type !== "exit") {
    beforeKill = ended.processes;
    await evidence.saveJson("threads-before-kill.json", beforeKill);
    say(`${ended.type === "stall" ? "stalled" : "not done in time"}; sending SIGKILL`);
    afterKill = await process.kill("SIGKILL", { within: "5s", signal });
    await evidence.saveJson("threads-after-kill.json", afterKill);
  }
  if (afterKill?.state === "D") {
    const pid = afterKill.threads[0]?.pid;
    say("waiting for the kernel's hung-task report");
    // The report is evidence, not the verdict: a kernel without the detector still has the stacks above.
    await vm.machine.console
      .waitForLine("the hung-task report", (line) => line.includes(`:${pid} blocked for more than`), {
        within: "30s",
        signal,
      })
      .catch(() => signal.throwIfAborted());
  }
  const log = await vm.kernelLog({ signal });
  await evidence.saveText("dmesg.txt", log.text);
  await evidence.saveJson("findings.json", log.findings);
  say("powering off");
  const powerOff = await vm.powerOff({ within: "30s", signal });
  await evidence.saveJson("power-off.json", powerOff);
  return {
    workload: job.name,
    rounds: job.rounds,
    completedRounds,
    ended: endOf(ended),
    endedAfter: Math.round(ended.after),
    beforeKill,
    afterKill,
    hungTasks: log.findings.filter((finding) => finding.kind === "hung-task"),
    powerOff: {
      state: powerOff.state,
      after: Math.round(powerOff.after),
      waitingFor: powerOff.shutdown.waitingFor.map(
        (process) => `${process.comm}${process.pid === undefined ? "" : ` (${process.pid})`}`,
      ),
      stopJobs: powerOff.shutdown.stopJobs,
    },
  };
}

function endOf(ended: WaitOutcome): Observation["ended"] {
  if (ended.type === "exit") return { type: "exit", ...ended.exit };
  return ended.type === "stall" ? { type: "stall" } : { type: "deadline", working: ended.working };
}

interface Job {
  readonly name: string;
  readonly rounds: number;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly deadline: `${number}s`;
}

function jobOf(workload: string, folder: string): Job {
  // Node releases differ in whether they use io_uring unasked; the report is about the ones that do.
  const env = {};
  if (workload === "npm-ci") {
    const rounds = 3;
    return {
      name: "npm ci --offline",
      rounds,
      command: ["sh", `${folder}/npm-ci.sh`, `${rounds}`],
      cwd: `${folder}/npm-ci`,
      env,
      deadline: "780s",
    };
  }
  const rounds = 10;
  return {
    name: "lstat",
    rounds,
    command: ["node", "lstat.mjs", `${rounds}`],
    cwd: folder,
    env,
    deadline: "240s",
  };
}
