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

/** Facts that any report can hold; the first value of a name stays. */
export const facts: readonly RegExp[] = [
  /^(?<access>Read|Write|Free) (?:of (?:size (?<size>\d+)|addr)).*?(?: at)? addr(?:ess)? (?<address>\S+)?(?: by task (?<task>.+?)\/(?<pid>\d+))?$/,
  /^(?<access>Read|Write) of size (?<size>\d+) by task (?<task>.+?)\/(?<pid>\d+)/,
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
];

/** `CPU: 1 UID: 0 PID: 5 Comm: x Tainted: G W 6.12.0 #1` and its ancestors. */
export const cpuLine =
  /^CPU: ?(?<cpu>\d+) (?:UID: ?\d+ )?(?:PID|pid): ?(?<pid>\d+)(?:,)? [Cc]omm: ?(?<task>.+?) (?:Kdump: \w+ )?(?<taint>Not tainted|Tainted: [A-Z ]+?)(?:, \[.*?\])? +\(?(?<kernel>[\da-z][\w.+~-]*)/;
export const oldCpuLine =
  /^Pid: (?<pid>\d+), comm: (?<task>.+?)\s+(?<taint>Not tainted|Tainted: [A-Z ]+?)\s+\(?(?<kernel>[\da-z][\w.+~-]*)/;
export const processLine = /^Process (?<task>.+?) \(pid: (?<pid>\d+),/;
export const taintLine = /^(?<taint>Not tainted|Tainted: [A-Z ]+?) +(?<kernel>[\da-z][\w.+~-]*)/;
/** Lockdep's headline names the kernel first. */
export const lockdepKernel = /^(?<kernel>\d+\.\d+[\w.+~-]*) #\S+ (?<taint>Not tainted|Tainted: [A-Z ]+)/;
export const taskLine = /^task:(?<task>.{1,64}?)\s{1,40}state:(?<state>[A-Za-z])\b.*?\bpid: *(?<pid>\d+)/;
/** Before Linux 5.9. */
export const oldTaskLine =
  /^(?<task>\S.{0,63}?)\s{1,40}(?<state>[RSDTtXZPIW])\s{1,40}(?:running task(?: on cpu\s+\d+)?|[0-9a-f]{8,16})?\s*\d+\s+(?<pid>\d+)\s+\d+\s+0x[0-9a-f]{8,16}/;

/** The interrupted instruction. `40`, `33` and the like as selector: user space. */
export const instruction =
  /^(?:R?IP|EIP|NIP|PC|epc|pc|rip)(?: is at| ?:|\s)\s*(?:(?<selector>[0-9a-f]{2,4}):)?\s*(?:\[<?[0-9a-f]+>?\]\s*)*(?<rest>\S.*)?$/;
export const registerLine =
  /^(?:R(?:[A-D]X|[SB]P|[SD]I|\d\d?)|E(?:[A-D]X|[SB]P|[SD]I|FLAGS)|CR[0-4]|DR[0-7]|[FCDG]S|ORIG_RAX|[xrtsa]\d{1,2}|gp|[SX]?[Ss]p|pstate|psr|status|GPR\d\d|LR|MSR|RSP|PKRU) ?:/;
export const lastLine = /^-+\[ end (?:trace|Kernel panic)/;
/** Lockdep's lines name the place of a lock: `(&lock){+.+.}, at: foo+0x1/0x2`. */
export const lockPlace = /(?:, at:|\bat:) (?:\[<[0-9a-f]+>\] )?(?<fn>[A-Za-z_][\w.]*)(?:\+0x|\s+\S+:\d+|$)/;
