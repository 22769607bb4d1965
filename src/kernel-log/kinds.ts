/**
 * Every kind of finding, what the kernel says for it, and how bad it is.
 *
 * - `crash`: the kernel broke: it oopsed, panicked, or corrupted or misused memory.
 * - `stall`: something does not go on.
 * - `check`: a check of the kernel's own found a bug before it did harm.
 * - `notice`: trouble of a task, a device or a file system that the kernel reports and survives.
 */
export const findingKinds = {
  oops: { severity: "crash", about: "an exception in the kernel that no other kind describes" },
  "page-fault": { severity: "crash", about: "unable to handle a kernel paging request" },
  "null-deref": { severity: "crash", about: "a NULL pointer dereference in the kernel" },
  "general-protection": { severity: "crash", about: "a general protection fault, often a wild pointer" },
  "kernel-bug": {
    severity: "crash",
    about: "kernel BUG at file:line (BUG_ON), or a Rust panic in the kernel",
  },
  "divide-error": { severity: "crash", about: "a division by zero or an overflow of a division" },
  "double-fault": { severity: "crash", about: "a fault while another one was handled" },
  "invalid-opcode": { severity: "crash", about: "an undefined instruction" },
  "stack-guard": { severity: "crash", about: "the kernel stack overflowed into its guard page" },
  "stack-corruption": { severity: "crash", about: "a stack canary or the end of a stack was overwritten" },
  cfi: { severity: "crash", about: "an indirect call to a function of another type" },
  panic: { severity: "crash", about: "Kernel panic - not syncing, with no other finding before it" },
  "unexpected-reboot": { severity: "crash", about: "the kernel boots again without having been told to" },
  kasan: { severity: "crash", about: "KASAN: an invalid memory access" },
  kfence: { severity: "crash", about: "KFENCE: an invalid memory access" },
  kmsan: { severity: "check", about: "KMSAN: use or leak of uninitialised memory" },
  kcsan: { severity: "check", about: "KCSAN: a data race" },
  ubsan: { severity: "check", about: "UBSAN: undefined behaviour" },
  "list-corruption": { severity: "crash", about: "list_add or list_del corruption" },
  "slab-corruption": {
    severity: "crash",
    about: "SLUB debugging: overwritten redzone or poison, double free",
  },
  "bad-page": { severity: "crash", about: "bad page state, page map or rss counter" },
  usercopy: { severity: "crash", about: "a copy from or to user space that exceeds its object" },
  warning: {
    severity: "check",
    about: "WARNING at file:line (WARN_ON), refcount, ODEBUG and kobject warnings",
  },
  bug: { severity: "check", about: "BUG: with a text that no other kind describes" },
  "spinlock-bug": { severity: "check", about: "spin lock debugging: bad magic, recursion, lockup suspected" },
  "atomic-schedule": { severity: "check", about: "scheduling while atomic" },
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
  "memory-leak": { severity: "check", about: "kmemleak: an unreferenced object" },
  "hung-task": {
    severity: "stall",
    about: "a task blocked for longer than hung_task_timeout_secs, or that cannot die",
  },
  "rcu-stall": { severity: "stall", about: "RCU: a CPU or task holds up a grace period" },
  "soft-lockup": { severity: "stall", about: "a CPU that did not schedule for a long time" },
  "hard-lockup": { severity: "stall", about: "a CPU that took no interrupt for a long time" },
  "workqueue-lockup": { severity: "stall", about: "a worker pool that makes no progress" },
  "unregister-netdevice": { severity: "stall", about: "a network device that waits for its last reference" },
  "task-stack": { severity: "notice", about: "a task in D as sysrq w or t prints it" },
  "out-of-memory": {
    severity: "notice",
    about: "the machine ran out of memory and a process was killed for it",
  },
  "filesystem-error": { severity: "notice", about: "a file system found itself corrupted or shut down" },
} as const satisfies Record<string, { severity: "crash" | "stall" | "check" | "notice"; about: string }>;

/** What a finding is about. {@link findingKinds} says what each means. */
export type FindingKind = keyof typeof findingKinds;

/** How bad a kind of finding is. */
export type Severity = (typeof findingKinds)[FindingKind]["severity"];
