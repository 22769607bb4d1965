/**
 * Lines inside a report that say something about it. Named groups go where their names say, as in a format.
 *
 * `part` names the call chain that follows. Chains that are `aside` tell of another moment (who allocated, who took
 * the lock first) and are not the chain of the finding.
 */
export const sections: readonly {
  readonly pattern: RegExp;
  readonly part: string;
  readonly aside: boolean;
}[] = [
  { pattern: /^stack backtrace:/, part: "backtrace", aside: false },
  {
    pattern: /^(?:CPU: \d+ PID: \d+ )?(?:Call [Tt]race|Backtrace|backtrace|Trace):?(?: ?\(.*\))?\s*(?:<|:|$)/,
    part: "",
    aside: false,
  },
  {
    pattern:
      /^(?:Allocated|Freed|allocated|freed)(?: by task.*| in .*)?:|^(?:allocated|freed) by task \d+|^(?:Allocated|Freed) in \S+(?: \[\S+\])? age=|^(?:Last|Second to last) .*(?:creation|work).*:/,
    part: "history",
    aside: true,
  },
  {
    pattern: /^Uninit was (?:stored|created)|^Local variable|^Memory state around/,
    part: "origin",
    aside: true,
  },
  { pattern: /^Last Breaking-Event-Address:/, part: "branch", aside: true },
  { pattern: /^Preemption disabled at:/, part: "preemption", aside: true },
  {
    pattern:
      /^the existing dependency chain|^-> #\d+|^the dependencies between|^the (?:first|second) lock|^which (?:lock already|would create|became)|^(?:to|but)\b.*irq.*:$|^\.\.\. which became|state was registered at:|^(?:hardirq|softirq)s last /i,
    part: "dependency",
    aside: true,
  },
  { pattern: /^INFO: (?:Allocated|Freed|Slab|Object) /, part: "history", aside: true },
  { pattern: /^Showing all locks held|^Showing busy workqueues|^Mem-Info:/, part: "locks", aside: true },
  {
    pattern: /kthread stack dump:|kthread starved for|kthread timer wakeup didn't happen/,
    part: "rcu kthread",
    aside: true,
  },
  { pattern: /^(?:Sending NMI|NMI backtrace for cpu|Task dump for CPU)/, part: "cpu", aside: false },
  {
    pattern: /^(?:read|write|race at unknown origin|value changed).*\bby (?:task|interrupt)/,
    part: "access",
    aside: false,
  },
];

/**
 * Which CPU stalls, as RCU prints it: `3-....: (8382 ticks this GP)`, `2: (1 GPs behind)`, `{ 11}`, `{ 0-... }`.
 *
 * @see https://docs.kernel.org/RCU/stallwarn.html
 */
export const stalledCpu: readonly RegExp[] = [
  /^(?:rcu:\s+)?(?<cpu>\d+)(?:-[.A-Za-z\d!?#]{1,8})?: ?\(/,
  /stall(?:s|ed)? [^{]{0,200}\{ ?(?:P\d+ )*(?<cpu>\d+)(?:-[.A-Za-z!?]*)? ?(?:\}|\d)/,
  /^Sending NMI from CPU \d+ to CPUs (?<cpu>\d+):/,
];

/** Facts that any report can hold; the first value of a name stays. */
export const facts: readonly RegExp[] = [
  /^(?<access>Read|Write|Free) (?:of (?:size (?<size>\d+)|addr)).*?(?: at)? addr(?:ess)? (?<address>\S+)?(?: by task (?<task>.+?)\/(?<pid>\d+))?$/,
  /^(?<access>Read|Write) of size (?<size>\d+) by task (?<task>.+)\/(?<pid>\d+)\s*$/,
  /^(?<access>Read|Write) (?:of size|at addr) /,
  /^(?:KASAN|kasan): (?<hint>.*(?:in range|could be caused).*)/,
  /^The buggy address belongs to the (?<object>.+?)\s*$/,
  /^(?:Write|Read) (?<overflow>\d+ bytes.*)/,
  /^INFO: task .*?:\d+ (?:is )?(?<owner>blocked on (?:a|an) .*)/,
  /^Workqueue: (?<workqueue>.+)/,
  /^last function: (?<fn>[A-Za-z_][\w.]*)/,
  /^Hardware name: (?<hardware>.+)/,
  /^in_atomic\(\): .*?pid: (?<pid>\d+), name: (?<task>.+)/,
  /^(?:ODEBUG: )?(?<message>shift exponent .*|.* cannot be represented .*|index \S+ is out of range .*|signed integer overflow:.*|load of .* value .*|member access within .*|division by zero)/,
  /^comm "(?<task>.+)", pid (?<pid>\d+)/,
  /^Tainted: (?<taintNames>\[.*)/,
  /^WARNING: chip .*|^(?<usage>unregister_netdevice: .*)/,
  /^Unable to handle kernel (?<fault>.*)/,
  /^page:(?<page>\S+) /,
  /^page dumped because: (?<because>.+)/,
  /^(?:IP|RIP|PC): (?<ip>0x0|Bad [EIRP]+ value\..*)/,
  /^value changed: (?<changed>.*)/,
  /^Failing address: (?<address>[0-9a-f]{8,16})/,
  /^Faulting instruction address: (?<ip>0x[0-9a-f]+)/,
];

/** Red Hat's kernels print a dash for each flag of its own that is not set. */
const taint = String.raw`(?<taint>Not tainted|Tainted: [A-Z -]{1,80}?)(?:, \[.{0,200}?\])?[ -]{0,60}`;
const kernel = String.raw`\s\(?(?<kernel>\d[\w.+~-]*|[a-z][\w.+~-]*)`;
/** Samsung and Red Hat put something of their own between the task and the flags. */
const own = String.raw`\s{1,20}(?:FTT: \d+ \d+ )?(?:Kdump: \w+ )?`;

const heads: readonly RegExp[] = [
  // CPU: 1 UID: 0 PID: 5 Comm: x Tainted: G W 6.12.0 #1
  new RegExp(
    String.raw`^CPU: ?(?<cpu>\d+) (?:UID: ?\d+ )?(?:PID|pid): ?(?<pid>\d+),? [Cc]omm: ?(?<task>.+?)${own}${taint}${kernel}`,
  ),
  new RegExp(String.raw`^Pid: (?<pid>\d+), comm: (?<task>.+?)${own}${taint}${kernel}`),
  // 32-bit arm before Linux 3.11
  new RegExp(String.raw`^CPU: ?(?<cpu>\d+)\s+${taint}${kernel}`),
  // What is left of it where a name in it is too long, or the line was cut.
  /^CPU: ?(?<cpu>\d+) (?:UID: ?\d+ )?(?:PID|pid): ?(?<pid>\d+),? [Cc]omm: ?(?<task>\S+)\s*$/,
  /^Process (?<task>.+?) \(pid: (?<pid>\d+),/,
  new RegExp(`^${taint}${kernel}`),
  // Lockdep's headline names the kernel first.
  /^(?<kernel>\d+\.\d+[\w.+~-]*) #\S+ (?<taint>Not tainted|Tainted: [A-Z -]+)/,
  /^task:(?<task>.{1,64}?)\s{1,40}state:(?<state>[A-Za-z])\b.*?\bpid: *(?<pid>\d+)/,
  // Before Linux 5.9
  /^(?<task>\S.{0,63}?)\s{1,40}(?<state>[RSDTtXZPIW])\s{1,40}(?:running task(?: on cpu\s+\d+)?|[0-9a-f]{8,16})?\s*\d+\s+(?<pid>\d+)\s+\d+\s+0x[0-9a-f]{8,16}/,
  // xmon, the debugger of PowerPC
  /^pid\s*= (?<pid>\d+), comm = (?<task>.+)/,
  /^cpu (?<cpu>0x[0-9a-f]{1,4}): Vector: /,
];

/** Which task, CPU and kernel a report is about, where the line says so. */
export function readHead(text: string): RegExpExecArray | null {
  for (const head of heads) {
    const match = head.exec(text);
    if (match) return match;
  }
  return null;
}

/** The interrupted instruction. `40`, `33` and the like as selector: user space. */
export const instruction =
  /^(?:R?IP|EIP|NIP|PC|epc|pc|rip|Krnl PSW)(?: is at|\s*:|\s)\s*(?:(?<selector>[0-9a-f]{2,4}):)?\s*(?:\[<?[0-9a-f]+>?\]\s*)*(?:[0-9a-f]{8,16}:?\s+)*(?<rest>\S.*)?$/;
export const registerLine =
  /^(?:R(?:[A-D]X|[SB]P|[SD]I|\d\d?)|E(?:[A-D]X|[SB]P|[SD]I|FLAGS)|CR[0-4]|DR[0-7]|[FCDG]S|ORIG_RAX|[xrtsa]\d{1,2}|gp|[SX]?[Ss]p|pstate|psr|status|GPR\d\d|LR|MSR|RSP|PKRU) ?:/;
export const lastLine = /^-+\[ end (?:trace|Kernel panic)/;
/** Lockdep's lines name the place of a lock: `(&lock){+.+.}, at: foo+0x1/0x2`. */
export const lockPlace = /(?:, at:|\bat:) (?:\[<[0-9a-f]+>\] )?(?<fn>[A-Za-z_][\w.]*)(?:\+0x|\s+\S+:\d+|$)/;
