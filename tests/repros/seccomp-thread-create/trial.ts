import type { TrialContext } from "../../../src/index.ts";
import { type ContainerOptions, type ContainerResult, runContainer } from "../../../src/runtime/container.ts";
import { loggingDenials, provideSeccomp } from "../../../src/runtime/seccomp.ts";
import {
  type Cause,
  diagnose,
  parseDenials,
  parseFacts,
  parseFailedCalls,
  softLimit,
  type ThreadEvidence,
} from "./diagnose.ts";

/** What a trial of this report saw. */
export interface Observation {
  /** The shell's word for it: 134 is 128 + SIGABRT. Undefined: it did not end. */
  readonly status: number | undefined;
  /** The line in which node says what went wrong. */
  readonly assertion: string | undefined;
  readonly finished: boolean;
  readonly cause: Cause;
  readonly evidence: ThreadEvidence;
}

/** The limits of the axis `limit`. The shell and node itself are two processes: there is no room for a thread. */
const limits: Readonly<Record<string, Pick<ContainerOptions, "pidsLimit" | "rlimits">>> = {
  none: {},
  pids: { pidsLimit: 2 },
  nproc: { rlimits: [{ type: "RLIMIT_NPROC", soft: 2, hard: 2 }] },
  memory: {
    rlimits: [
      { type: "RLIMIT_AS", soft: 700 * 2 ** 20, hard: 700 * 2 ** 20 },
      // libuv gives its threads stacks of this size.
      { type: "RLIMIT_STACK", soft: 2 ** 30, hard: 2 ** 30 },
    ],
  },
};

/** Start node in a container twice: as it is, for the outcome, and under strace, for the errno. */
export async function observe(context: TrialContext): Promise<Observation> {
  const { vm, cell, workload, signal, evidence, say } = context;
  const profile = await provideSeccomp(cell.axes.seccomp ?? "default");
  const facts = "/tmp/facts";
  const options: ContainerOptions = {
    args: ["sh", `${workload}/inside.sh`, "node", `${workload}/hello.mjs`],
    env: cell.env,
    ...(profile ? { seccomp: loggingDenials(profile) } : {}),
    ...limits[cell.axes.limit ?? "none"],
    binds: [
      { source: "/opt/node", destination: "/opt/node", access: "read-only" },
      { source: workload, destination: workload, access: "read-only" },
      { source: facts, destination: "/facts", access: "writable" },
    ],
  };
  // Made below /tmp so that the path is there in the container's root too.
  await vm.guest.exec(["install", "-d", "-m", "1777", facts, "/facts"], { signal });
  say("node in a container");
  const run = await runContainer(vm.guest, { id: "node", ...options, within: "90s", signal });
  const told = parseFacts((await vm.guest.exec(["cat", `${facts}/facts.txt`], { signal })).stdout);
  await save(evidence, "container", run);
  await evidence.saveJson("facts.json", told);
  const log = (await vm.kernelLog({ signal })).text;
  await evidence.saveText("dmesg.txt", log);
  say("the same under strace");
  const strace = [
    "strace",
    "-f",
    "-o",
    "/tmp/strace.txt",
    "-e",
    "trace=clone,clone3,mmap",
    "-e",
    "status=failed",
  ];
  const traced = await runContainer(vm.guest, {
    id: "traced",
    ...options,
    under: strace,
    within: "2m",
    signal,
  });
  const calls = (await vm.guest.exec(["cat", "/tmp/strace.txt"], { signal })).stdout;
  await save(evidence, "container-traced", traced);
  await evidence.saveText("strace.txt", calls);
  const ofContainer = told.files["/sys/fs/cgroup/pids.events"];
  const resources = told.files["/proc/self/limits"] ?? "";
  const seen: ThreadEvidence = {
    failedCalls: parseFailedCalls(calls),
    denials: parseDenials(log),
    pidsRefused: ofContainer === undefined ? undefined : Number(/^max (\d+)/m.exec(ofContainer)?.[1] ?? 0),
    pidsMax: told.files["/sys/fs/cgroup/pids.max"]?.trim(),
    pidsLog: log.split("\n").filter((line) => line.includes("fork rejected by pids controller")),
    maxProcesses: softLimit(resources, "Max processes"),
    maxAddressSpace: softLimit(resources, "Max address space"),
  };
  return {
    status: told.status,
    assertion: run.stderr.split("\n").find((line) => /Assertion .*uv_thread_create/.test(line)),
    finished: run.stdout.includes("node works"),
    cause: diagnose(seen),
    evidence: seen,
  };
}

async function save(to: TrialContext["evidence"], name: string, run: ContainerResult): Promise<void> {
  await to.saveText(`${name}-stdout.txt`, run.stdout);
  await to.saveText(`${name}-stderr.txt`, run.stderr);
}
