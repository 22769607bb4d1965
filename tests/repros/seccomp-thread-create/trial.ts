import {
  type ContainerResult,
  diagnoseThreads,
  type RunOptions,
  runContainer,
  type ThreadCause,
  type ThreadEvidence,
  type TrialContext,
  threadCalls,
  threadEvidence,
} from "../../../src/index.ts";

/** What a trial of this report saw. */
export interface Observation {
  /** The shell's word for it: 134 is 128 + SIGABRT. Undefined: it did not end. */
  readonly status: number | undefined;
  /** The line in which node says what went wrong. */
  readonly assertion: string | undefined;
  readonly finished: boolean;
  readonly cause: ThreadCause;
  readonly evidence: ThreadEvidence;
}

/** The limits of the axis `limit`. The first process and node itself are two: there is no room for a thread. */
const limits: Readonly<Record<string, Pick<RunOptions, "pidsLimit" | "rlimits">>> = {
  none: {},
  pids: { pidsLimit: 2 },
  nproc: { rlimits: { RLIMIT_NPROC: 2 } },
  // libuv gives its threads stacks as large as RLIMIT_STACK.
  memory: { rlimits: { RLIMIT_AS: 700 * 2 ** 20, RLIMIT_STACK: 2 ** 30 } },
};

/** Start node in a container twice: as it is, for the outcome, and under strace, for the errno. */
export async function observe(context: TrialContext): Promise<Observation> {
  const { vm, cell, workload, signal, evidence, say } = context;
  const container: RunOptions = {
    args: ["node", `${workload}/hello.mjs`],
    env: cell.env,
    seccomp: cell.axes.seccomp,
    ...limits[cell.axes.limit ?? "none"],
    logDenials: true,
    facts: true,
    within: "150s",
    signal,
  };
  say("node in a container");
  const run = await runContainer(vm.guest, container);
  const { text: log } = await vm.kernelLog({ signal });
  say("the same under strace");
  const traced = await runContainer(vm.guest, {
    ...container,
    trace: { calls: threadCalls, only: "failed" },
  });
  await save(evidence, "container", run);
  await save(evidence, "container-traced", traced);
  await evidence.saveText("dmesg.txt", log);
  const seen = threadEvidence({ facts: run.facts, trace: traced.trace?.events ?? [], log });
  return {
    status: run.facts?.status,
    assertion: run.stderr.split("\n").find((line) => /Assertion .*uv_thread_create/.test(line)),
    finished: run.stdout.includes("node works"),
    cause: diagnoseThreads(seen),
    evidence: seen,
  };
}

async function save(to: TrialContext["evidence"], name: string, run: ContainerResult): Promise<void> {
  await to.saveText(`${name}-stdout.txt`, run.stdout);
  await to.saveText(`${name}-stderr.txt`, run.stderr);
  await to.saveJson(`${name}-facts.json`, run.facts);
  if (run.trace) await to.saveText("strace.txt", run.trace.text);
}
