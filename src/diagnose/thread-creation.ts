import { type Denial, parseDenials } from "../kernel-log/denials.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { type ContainerFacts, softLimit } from "./container-facts.ts";
import { callsNamed, type TraceEvent } from "./trace.ts";

/** What was collected about a program that could not make a thread. */
export interface ThreadEvidence {
  /** Failed system calls that have to do with making threads, as strace saw them. */
  readonly failedCalls: readonly FailedCall[];
  /** Calls that seccomp denied. */
  readonly denials: readonly Denial[];
  /** The `max` counter of the cgroup's pids.events: how often its limit refused a fork. */
  readonly pidsRefused: number | undefined;
  readonly pidsMax: string | undefined;
  /** Lines of the kernel log about forks that the pids controller refused. */
  readonly pidsLog: readonly string[];
  /** The soft limit on processes, as /proc/self/limits has it. */
  readonly maxProcesses: string | undefined;
  readonly maxAddressSpace: string | undefined;
}

export interface FailedCall {
  readonly call: string;
  readonly errno: string;
  readonly line: string;
}

/** Why no thread could be made, and what says so. */
export interface ThreadCause {
  readonly kind: "seccomp" | "pids-limit" | "rlimit-nproc" | "memory" | "none" | "unknown";
  /** Lines of the evidence, quoted. */
  readonly evidence: readonly string[];
  /** The smallest change that helps. */
  readonly advice: string;
}

/**
 * The system calls that {@link threadEvidence} wants in a trace: those that make threads and their stacks. Not
 * mprotect: V8 makes so many of them that a traced node needs minutes.
 */
export const threadCalls: readonly string[] = ["clone", "clone3", "mmap"];

const numbers: Readonly<Record<string, number>> = guestPlatform.systemCalls;

/**
 * Put together what a run showed: the facts of its container, a trace of {@link threadCalls}, the kernel log.
 *
 * @example threadEvidence({ trace: events, log: log.text }).failedCalls
 */
export function threadEvidence(seen: {
  readonly facts?: ContainerFacts | undefined;
  readonly trace: readonly TraceEvent[];
  readonly log: string;
}): ThreadEvidence {
  const files = seen.facts?.files ?? {};
  const events = files["/sys/fs/cgroup/pids.events"];
  const limits = files["/proc/self/limits"] ?? "";
  return {
    failedCalls: callsNamed(seen.trace, ...threadCalls).flatMap(({ call, errno, line }) =>
      errno === undefined ? [] : [{ call, errno, line }],
    ),
    denials: parseDenials(seen.log),
    pidsRefused: events === undefined ? undefined : Number(/^max (\d+)/m.exec(events)?.[1] ?? 0),
    pidsMax: files["/sys/fs/cgroup/pids.max"]?.trim(),
    pidsLog: seen.log.split("\n").filter((line) => line.includes("fork rejected by pids controller")),
    maxProcesses: softLimit(limits, "Max processes"),
    maxAddressSpace: softLimit(limits, "Max address space"),
  };
}

/**
 * Why threads could not be made. Each answer needs a witness of its own: the errno alone does not tell a pids
 * limit from RLIMIT_NPROC, both are EAGAIN.
 *
 * @example
 * const run = await runContainer(vm.guest, { args: ["node", "x.mjs"], within: "30s", signal });
 * const cause = diagnoseThreads(threadEvidence({ facts: run.facts, trace: [], log: log.text }));
 */
export function diagnoseThreads(seen: ThreadEvidence): ThreadCause {
  // clone3 answered by ENOSYS is no failure: the C library falls back to clone.
  const failed = seen.failedCalls.filter(({ call, errno }) => !(call === "clone3" && errno === "ENOSYS"));
  const unknown = (): ThreadCause => ({
    kind: failed.length === 0 ? "none" : "unknown",
    evidence: failed.map(({ line }) => line).slice(0, 5),
    advice: "",
  });
  return bySeccomp(seen, failed) ?? byPids(seen, failed) ?? byMemory(seen, failed) ?? unknown();
}

function bySeccomp(seen: ThreadEvidence, failed: readonly FailedCall[]): ThreadCause | undefined {
  for (const { call, errno, line } of failed) {
    // What the kernel itself answers when a limit is reached or memory is short.
    if (errno === "EAGAIN" || errno === "ENOMEM") continue;
    const audited = seen.denials.find(({ syscall }) => syscall === numbers[call]);
    if (!audited) continue;
    const advice =
      call === "clone3"
        ? `Let the profile answer clone3 with ENOSYS instead of ${errno} (the C library then falls back to clone), or allow clone3. Nothing else needs to be opened.`
        : `Let the profile allow ${call} without namespace flags. Nothing else needs to be opened.`;
    return { kind: "seccomp", evidence: [line, audited.line], advice };
  }
  return undefined;
}

function byPids(seen: ThreadEvidence, failed: readonly FailedCall[]): ThreadCause | undefined {
  const refused = failed.find(({ call, errno }) => /^clone3?$/.test(call) && errno === "EAGAIN");
  if (!refused) return undefined;
  const counted = seen.pidsRefused === undefined ? [] : [`pids.events: max ${seen.pidsRefused}`];
  if ((seen.pidsRefused ?? 0) > 0 || seen.pidsLog.length > 0) {
    return {
      kind: "pids-limit",
      evidence: [refused.line, ...counted, `pids.max: ${seen.pidsMax ?? "?"}`, ...seen.pidsLog.slice(0, 1)],
      advice: `Raise the container's pids limit (it is ${seen.pidsMax ?? "unknown"}): node needs about a dozen threads to start.`,
    };
  }
  if (seen.maxProcesses === undefined || seen.maxProcesses === "unlimited") return undefined;
  return {
    kind: "rlimit-nproc",
    evidence: [refused.line, `Max processes: ${seen.maxProcesses}`, ...counted],
    advice: `Raise RLIMIT_NPROC (it is ${seen.maxProcesses}), which counts every thread of the user, in other containers too.`,
  };
}

function byMemory(seen: ThreadEvidence, failed: readonly FailedCall[]): ThreadCause | undefined {
  const short = failed.find(({ errno }) => errno === "ENOMEM");
  if (!short) return undefined;
  return {
    kind: "memory",
    evidence: [short.line, `Max address space: ${seen.maxAddressSpace ?? "?"}`],
    advice: `Raise RLIMIT_AS (it is ${seen.maxAddressSpace ?? "unknown"}) or lower RLIMIT_STACK: the thread's stack found no room.`,
  };
}
