/** What was collected about one run of node in a container. */
export interface ThreadEvidence {
  /** Failed system calls of a run under strace: the lines that are about making threads. */
  readonly failedCalls: readonly FailedCall[];
  /** Audit lines of the kernel's log about calls that seccomp denied. */
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

export interface Denial {
  readonly comm: string;
  readonly syscall: number;
  readonly line: string;
}

/** Why no thread could be made, and what says so. */
export interface Cause {
  readonly kind: "seccomp" | "pids-limit" | "rlimit-nproc" | "memory" | "none" | "unknown";
  /** Lines of the evidence, quoted. */
  readonly evidence: readonly string[];
  /** The smallest change that helps. */
  readonly advice: string;
}

/** clone3 and clone on x86-64. @see https://github.com/torvalds/linux/blob/master/arch/x86/entry/syscalls/syscall_64.tbl */
const threadCalls = new Map([
  [435, "clone3"],
  [56, "clone"],
]);

/**
 * Why threads could not be made. Each answer needs a witness of its own: the errno alone does not tell a pids
 * limit from RLIMIT_NPROC, both are EAGAIN.
 */
export function diagnose(seen: ThreadEvidence): Cause {
  // clone3 answered by ENOSYS is no failure: the C library falls back to clone.
  const failed = seen.failedCalls.filter(({ call, errno }) => !(call === "clone3" && errno === "ENOSYS"));
  const denied = failed.filter(
    ({ call, errno }) => /^clone3?$/.test(call) && errno !== "EAGAIN" && errno !== "ENOMEM",
  );
  const audited = seen.denials.filter(({ syscall }) => threadCalls.has(syscall));
  const [first] = denied;
  if (first && audited.length > 0) {
    return {
      kind: "seccomp",
      evidence: [first.line, ...audited.slice(0, 1).map(({ line }) => line)],
      advice:
        first.call === "clone3"
          ? `Let the profile answer clone3 with ENOSYS instead of ${first.errno}, or allow it: the C library then falls back to clone. Nothing else needs to be opened.`
          : `Let the profile allow ${first.call} without namespace flags. Nothing else needs to be opened.`,
    };
  }
  const refused = failed.filter(({ call, errno }) => /^clone3?$/.test(call) && errno === "EAGAIN");
  if (refused[0] && ((seen.pidsRefused ?? 0) > 0 || seen.pidsLog.length > 0)) {
    return {
      kind: "pids-limit",
      evidence: [
        refused[0].line,
        ...(seen.pidsRefused === undefined ? [] : [`pids.events: max ${seen.pidsRefused}`]),
        `pids.max: ${seen.pidsMax ?? "?"}`,
        ...seen.pidsLog.slice(0, 1),
      ],
      advice: `Raise the container's pids limit (it is ${seen.pidsMax ?? "unknown"}): node needs about a dozen threads to start.`,
    };
  }
  if (refused[0] && seen.maxProcesses !== undefined && seen.maxProcesses !== "unlimited") {
    return {
      kind: "rlimit-nproc",
      evidence: [
        refused[0].line,
        `Max processes: ${seen.maxProcesses}`,
        ...(seen.pidsRefused === undefined ? [] : [`pids.events: max ${seen.pidsRefused}`]),
      ],
      advice: `Raise RLIMIT_NPROC (it is ${seen.maxProcesses}), which counts every thread of the user in all containers together.`,
    };
  }
  const noMemory = failed.filter(({ errno }) => errno === "ENOMEM");
  if (noMemory[0]) {
    return {
      kind: "memory",
      evidence: [noMemory[0].line, `Max address space: ${seen.maxAddressSpace ?? "?"}`],
      advice: `Raise RLIMIT_AS (it is ${seen.maxAddressSpace ?? "unknown"}) or lower RLIMIT_STACK: the thread's stack found no room.`,
    };
  }
  return {
    kind: failed.length === 0 ? "none" : "unknown",
    evidence: failed.map(({ line }) => line).slice(0, 5),
    advice: "",
  };
}

/**
 * The failed calls in strace's output that have to do with making threads: clone, clone3, and mmap of a stack.
 *
 * @example parseFailedCalls("132 clone3({flags=CLONE_VM...}, 88) = -1 EPERM (Operation not permitted)")
 */
export function parseFailedCalls(text: string): FailedCall[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(?:\[pid +)?\d*\]? *(clone3?|mmap|mprotect)\b.* = -1 (E[A-Z]+) /.exec(line);
    if (!match?.[1] || !match[2]) return [];
    return [{ call: match[1], errno: match[2], line: line.trim() }];
  });
}

/**
 * Seccomp's audit lines in a kernel log.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/auditsc.c (audit_seccomp)
 */
export function parseDenials(log: string): Denial[] {
  return log.split("\n").flatMap((line) => {
    if (!/type=1326\b/.test(line)) return [];
    const syscall = /\bsyscall=(\d+)/.exec(line)?.[1];
    if (syscall === undefined) return [];
    return [{ comm: /\bcomm="([^"]*)"/.exec(line)?.[1] ?? "?", syscall: Number(syscall), line: line.trim() }];
  });
}

/** What the container's first process wrote down at the end: see workload/inside.sh. */
export interface Facts {
  readonly status: number | undefined;
  readonly files: Readonly<Record<string, string>>;
}

/** Read the first process' notes. A file that could not be read is not there. */
export function parseFacts(text: string): Facts {
  const files: Record<string, string> = {};
  let current: string | undefined;
  let status: number | undefined;
  for (const line of text.split("\n")) {
    const [, found] = /^status (\d+)$/.exec(line) ?? [];
    const [, file] = /^file (\S+)$/.exec(line) ?? [];
    if (found !== undefined) status = Number(found);
    else if (file !== undefined) {
      current = file;
      files[file] = "";
    } else if (current !== undefined && line.startsWith("  ")) files[current] += `${line.slice(2)}\n`;
  }
  return { status, files };
}

/** A soft limit of /proc/self/limits, in its own words. @example softLimit(text, "Max processes") // "2" */
export function softLimit(limits: string, name: string): string | undefined {
  return limits
    .split("\n")
    .find((line) => line.startsWith(name))
    ?.slice(name.length)
    .trim()
    .split(/\s+/)[0];
}
