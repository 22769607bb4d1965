/** States of a thread as /proc shows them. @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export type ThreadState = "R" | "S" | "D" | "Z" | "T" | "t" | "X" | "I" | "P" | "K" | "W" | "x" | "?";

/** One function of a kernel stack, innermost first. */
export interface StackFrame {
  readonly function: string;
  /** Offset and size as the kernel prints them, for example `0x6a/0xd0`. */
  readonly offset?: string;
}

export interface Thread {
  readonly tid: number;
  readonly comm: string;
  readonly state: ThreadState;
  /** The kernel function it sleeps in; "0" or empty when it does not sleep. */
  readonly wchan: string;
  /** The line of /proc/PID/syscall: number and arguments, or "running". */
  readonly syscall: string;
  readonly stack: readonly StackFrame[];
  /** Time on a CPU, in nanoseconds. */
  readonly cpuTime: number;
  readonly switches: number;
}

export interface ProcessSnapshot {
  readonly pid: number;
  readonly parent: number;
  readonly comm: string;
  readonly state: ThreadState;
  /** System calls that read or wrote, and bytes through them: what /proc/PID/io counts. */
  readonly io: { readonly calls: number; readonly bytes: number };
  readonly threads: readonly Thread[];
}

/**
 * The files a sampler reads for each process and thread. All of them answer for a process in D: none takes
 * the process' memory lock, which a stuck thread may hold (cmdline, maps and environ do).
 *
 * @see https://www.kernel.org/doc/html/latest/filesystems/proc.html
 */
export const samplerScript = `
for stat in /proc/[0-9]*/stat; do
  read -r line < "$stat" || continue
  process=\${stat%/stat}
  set -- "$1" \${line##*) }
  [ "$5" = "$1" ] || continue
  grep -s "" "$process/stat" "$process/io" "$process"/task/*/stat "$process"/task/*/wchan \\
    "$process"/task/*/syscall "$process"/task/*/schedstat "$process"/task/*/stack \\
    "$process"/task/*/status
done 2>/dev/null
echo sampled
`;

/**
 * What {@link samplerScript} printed, as processes. Unknown lines and vanished threads are passed over.
 *
 * @returns undefined when the sampler did not reach its end.
 */
export function parseSample(text: string): ProcessSnapshot[] | undefined {
  if (!/(^|\n)sampled\n?$/.test(text)) return undefined;
  const files = collectFiles(text);
  const processes: ProcessSnapshot[] = [];
  for (const [path, content] of files) {
    const match = /^\/proc\/(\d+)\/stat$/.exec(path);
    const stat = match ? parseStat(content) : undefined;
    if (!match || !stat) continue;
    const pid = Number(match[1]);
    processes.push({
      pid,
      parent: stat.parent,
      comm: stat.comm,
      state: stat.state,
      io: parseIo(files.get(`/proc/${pid}/io`) ?? ""),
      threads: threadsOf(pid, files),
    });
  }
  return processes.sort((a, b) => a.pid - b.pid);
}

function collectFiles(text: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^(\/proc\/\d+\/(?:task\/\d+\/)?[a-z]+):(.*)$/.exec(line);
    if (!match) continue;
    const [, path = "", content = ""] = match;
    const before = files.get(path);
    files.set(path, before === undefined ? content : `${before}\n${content}`);
  }
  return files;
}

function threadsOf(pid: number, files: Map<string, string>): Thread[] {
  const threads: Thread[] = [];
  for (const [path, content] of files) {
    const match = new RegExp(`^/proc/${pid}/task/(\\d+)/stat$`).exec(path);
    const stat = match ? parseStat(content) : undefined;
    if (!match || !stat) continue;
    const file = (name: string): string => files.get(`/proc/${pid}/task/${match[1]}/${name}`) ?? "";
    threads.push({
      tid: Number(match[1]),
      comm: stat.comm,
      state: stat.state,
      wchan: file("wchan"),
      syscall: file("syscall"),
      stack: parseStack(file("stack")),
      cpuTime: Number(/^\d+/.exec(file("schedstat"))?.[0] ?? 0),
      switches: countSwitches(file("status")),
    });
  }
  return threads.sort((a, b) => a.tid - b.tid);
}

function parseStat(line: string): { comm: string; state: ThreadState; parent: number } | undefined {
  const open = line.indexOf("(");
  const close = line.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const [state = "?", parent = "0"] = line.slice(close + 2).split(" ");
  return {
    comm: line.slice(open + 1, close),
    state: /^[RSDZTtXIPKWx]$/.test(state) ? (state as ThreadState) : "?",
    parent: Number(parent),
  };
}

/**
 * The lines of /proc/PID/stack.
 *
 * @example parseStack("[<0>] io_sq_thread+0x2a/0x500") // [{ function: "io_sq_thread", offset: "0x2a/0x500" }]
 */
export function parseStack(text: string): StackFrame[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\[<[0-9a-f]+>\] ([\w.]+)(?:\+(0x[0-9a-f]+\/0x[0-9a-f]+))?/.exec(line);
    if (!match?.[1]) return [];
    return [{ function: match[1], ...(match[2] === undefined ? {} : { offset: match[2] }) }];
  });
}

function parseIo(text: string): { calls: number; bytes: number } {
  const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  return { calls: field("syscr") + field("syscw"), bytes: field("rchar") + field("wchar") };
}

function countSwitches(text: string): number {
  let count = 0;
  for (const match of text.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)$/gm))
    count += Number(match[1]);
  return count;
}
