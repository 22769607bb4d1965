/** How bad a kind of finding is; {@link findingKinds} says what each means. */
export type Severity = "crash" | "stall" | "check" | "notice";

/** All of them, the worst first. */
export const severities = ["crash", "stall", "check", "notice"] as const satisfies readonly Severity[];

/** What is known of a kind of finding, and holds for each finding of it. */
export interface Traits {
  readonly severity: Severity;
  /** What the kernel says with it, in a sentence. */
  readonly about: string;
  /** Its first line alone says that the task which printed it does not go on. */
  readonly fatal?: true;
  /** Something waits, so that the locks and waits in its call chain are not what is wrong. */
  readonly stalls?: true;
  /** A CPU that stalls: it is caught anywhere below the guilty function, and other CPUs are asked for their stacks. */
  readonly stallOfCpu?: true;
  /** An interrupt found it, so that the functions which handle interrupts are on its stack and not to blame. */
  readonly interrupted?: true;
  /** It does not end in a panic, so that a panic after it is news. */
  readonly innocent?: true;
  /** Its own first line can stand above `cut here`. */
  readonly headlined?: true;
  /** Its first line can be followed by the oops line of the same exception. */
  readonly beforeOops?: true;
  /** What an access that KASAN reported first does next. */
  readonly aftermath?: true;
}

/**
 * Every kind of finding, what the kernel says for it, and how bad it is.
 *
 * - `crash`: the kernel broke: it oopsed, panicked, or corrupted or misused memory.
 * - `stall`: something does not go on.
 * - `check`: a check of the kernel's own found a bug before it did harm.
 * - `notice`: trouble of a task, a device or a file system that the kernel reports and survives.
 */
export const findingKinds = {
  oops: {
    severity: "crash",
    about: "an exception in the kernel that no other kind describes",
    aftermath: true,
    beforeOops: true,
    fatal: true,
  },
  "page-fault": {
    severity: "crash",
    about: "unable to handle a kernel paging request",
    aftermath: true,
    beforeOops: true,
    fatal: true,
  },
  "null-deref": {
    severity: "crash",
    about: "a NULL pointer dereference in the kernel",
    aftermath: true,
    beforeOops: true,
    fatal: true,
  },
  "general-protection": {
    severity: "crash",
    about: "a general protection fault, often a wild pointer",
    aftermath: true,
    beforeOops: true,
    fatal: true,
  },
  "kernel-bug": {
    severity: "crash",
    about: "kernel BUG at file:line (BUG_ON), or a Rust panic in the kernel",
    headlined: true,
    beforeOops: true,
    fatal: true,
  },
  "divide-error": {
    severity: "crash",
    about: "a division by zero or an overflow of a division",
    beforeOops: true,
    fatal: true,
  },
  "double-fault": {
    severity: "crash",
    about: "a fault while another one was handled",
    beforeOops: true,
    fatal: true,
  },
  "invalid-opcode": { severity: "crash", about: "an undefined instruction", fatal: true },
  "stack-guard": {
    severity: "crash",
    about: "the kernel stack overflowed into its guard page",
    beforeOops: true,
    fatal: true,
  },
  "stack-corruption": { severity: "crash", about: "a stack canary or the end of a stack was overwritten" },
  "machine-check": {
    severity: "crash",
    about: "the processor reports a hardware error that it could not correct",
  },
  cfi: {
    severity: "crash",
    about: "an indirect call to a function of another type",
    headlined: true,
    beforeOops: true,
  },
  panic: { severity: "crash", about: "Kernel panic - not syncing, with no other finding before it" },
  "unexpected-reboot": { severity: "crash", about: "the kernel boots again without having been told to" },
  kasan: { severity: "crash", about: "KASAN: an invalid memory access" },
  kfence: { severity: "crash", about: "KFENCE: an invalid memory access" },
  kmsan: { severity: "check", about: "KMSAN: use or leak of uninitialised memory" },
  kcsan: { severity: "check", about: "KCSAN: a data race" },
  ubsan: { severity: "check", about: "UBSAN: undefined behaviour" },
  "list-corruption": {
    severity: "crash",
    about: "list_add or list_del corruption",
    headlined: true,
    beforeOops: true,
  },
  "slab-corruption": {
    severity: "crash",
    about: "SLUB debugging: overwritten redzone or poison, double free",
    headlined: true,
    beforeOops: true,
  },
  "bad-page": { severity: "crash", about: "bad page state, page map or rss counter" },
  usercopy: {
    severity: "crash",
    about: "a copy from or to user space that exceeds its object",
    headlined: true,
    beforeOops: true,
  },
  warning: {
    severity: "check",
    about: "WARNING at file:line (WARN_ON), refcount, ODEBUG and kobject warnings",
  },
  bug: { severity: "check", about: "BUG: with a text that no other kind describes", headlined: true },
  "spinlock-bug": { severity: "check", about: "spin lock debugging: bad magic, recursion, lockup suspected" },
  "atomic-schedule": { severity: "check", about: "scheduling while atomic", interrupted: true },
  "invalid-context": { severity: "check", about: "sleeping function called from invalid context" },
  "preemptible-per-cpu": { severity: "check", about: "per-CPU data used in preemptible code" },
  "lockdep-circular": { severity: "check", about: "lockdep: possible circular locking dependency" },
  "lockdep-recursive": { severity: "check", about: "lockdep: possible recursive locking" },
  "lockdep-irq": { severity: "check", about: "lockdep: lock order that is unsafe against interrupts" },
  "lockdep-inconsistent": { severity: "check", about: "lockdep: inconsistent lock state" },
  "lockdep-unlock-balance": { severity: "check", about: "lockdep: a lock released that is not held" },
  "lockdep-held": {
    severity: "check",
    about: "lockdep: lock held on return to user space, at exit, in a work item or when its memory is freed",
  },
  "lockdep-nested": { severity: "check", about: "lockdep: nested lock was not taken" },
  "lockdep-wait-context": { severity: "check", about: "lockdep: invalid wait context" },
  "lockdep-static-key": { severity: "check", about: "lockdep: non-static or unregistered lock key" },
  "lockdep-limit": { severity: "check", about: "lockdep: one of its tables is full" },
  "suspicious-rcu": { severity: "check", about: "suspicious RCU usage" },
  "memory-leak": { severity: "check", about: "kmemleak: an unreferenced object", innocent: true },
  "hung-task": {
    severity: "stall",
    about: "a task blocked for longer than hung_task_timeout_secs, or that cannot die",
    stalls: true,
  },
  "rcu-stall": {
    severity: "stall",
    about: "RCU: a CPU or task holds up a grace period",
    stallOfCpu: true,
    interrupted: true,
    stalls: true,
  },
  "soft-lockup": {
    severity: "stall",
    about: "a CPU that did not schedule for a long time",
    stallOfCpu: true,
    interrupted: true,
    stalls: true,
  },
  "hard-lockup": {
    severity: "stall",
    about: "a CPU that took no interrupt for a long time",
    stallOfCpu: true,
    interrupted: true,
    stalls: true,
  },
  "workqueue-lockup": { severity: "stall", about: "a worker pool that makes no progress", stalls: true },
  "unregister-netdevice": {
    severity: "stall",
    about: "a network device that waits for its last reference",
    innocent: true,
  },
  "task-stack": {
    severity: "notice",
    about: "a task in D as sysrq w or t prints it",
    innocent: true,
    stalls: true,
  },
  "out-of-memory": {
    severity: "notice",
    about: "the machine ran out of memory and a process was killed for it",
  },
  "device-error": {
    severity: "notice",
    about: "a device timed out, was reset, broke its firmware, lost its link or its data",
    innocent: true,
  },
  "filesystem-error": {
    severity: "notice",
    about: "a file system found itself corrupted or shut down",
    innocent: true,
  },
} as const satisfies Record<string, Traits>;

/** What a finding is about. {@link findingKinds} says what each means. */
export type FindingKind = keyof typeof findingKinds;

/**
 * What is known of a kind.
 *
 * @example traitsOf("soft-lockup").stallOfCpu // true
 */
export function traitsOf(kind: FindingKind): Traits {
  return findingKinds[kind];
}

/**
 * The kinds that have a trait.
 *
 * @example kindsWith("stallOfCpu") // ["rcu-stall", "soft-lockup", "hard-lockup"]
 */
export function kindsWith(trait: Exclude<keyof Traits, "severity" | "about">): FindingKind[] {
  const kinds: FindingKind[] = [];
  for (const kind in findingKinds) if (isFindingKind(kind) && traitsOf(kind)[trait]) kinds.push(kind);
  return kinds;
}

/** Whether a word names a kind. */
export function isFindingKind(name: string): name is FindingKind {
  return Object.hasOwn(findingKinds, name);
}
