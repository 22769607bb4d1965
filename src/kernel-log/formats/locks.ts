import type { Format } from "./format.ts";

const head = "^(?:\\[ )?(?:WARNING|INFO|BUG): ";

const lockdep = (kind: Format["kind"], text: string, title: string): Format => ({
  kind,
  pattern: new RegExp(head + text),
  title,
});

/**
 * Lock debugging, lockdep, RCU's checks, and calls from a context that does not allow them. Before Linux 4.12
 * lockdep's headlines stood in brackets: `[ INFO: inconsistent lock state ]`.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/locking/lockdep.c
 * @see https://github.com/torvalds/linux/blob/master/kernel/locking/spinlock_debug.c
 * @see https://github.com/torvalds/linux/blob/master/kernel/sched/core.c
 */
export const locks: readonly Format[] = [
  lockdep("lockdep-circular", "possible circular locking", "possible deadlock[ in {fn}]"),
  lockdep("lockdep-recursive", "possible recursive locking", "possible deadlock[ in {fn}]"),
  lockdep("lockdep-irq", "possible irq lock inversion", "possible deadlock[ in {fn}]"),
  lockdep("lockdep-irq", "\\S+-safe -> \\S+-unsafe lock order", "possible deadlock[ in {fn}]"),
  lockdep("lockdep-inconsistent", "inconsistent lock state", "inconsistent lock state[ in {fn}]"),
  lockdep("lockdep-unlock-balance", "bad unlock balance", "WARNING: bad unlock balance[ in {fn}]"),
  lockdep("lockdep-unlock-balance", "bad contention detected", "WARNING: bad contention[ in {fn}]"),
  lockdep(
    "lockdep-held",
    "lock held when returning to user space",
    "WARNING: lock held when returning to user space[ in {fn}]",
  ),
  lockdep("lockdep-held", "held lock freed", "WARNING: held lock freed[ in {fn}]"),
  lockdep(
    "lockdep-held",
    "(?<task>.+)/(?<pid>\\d+) still has locks held",
    "WARNING: still has locks held[ in {fn}]",
  ),
  lockdep("lockdep-held", "lock held at task exit", "WARNING: lock held at task exit[ in {fn}]"),
  lockdep("lockdep-nested", "[Nn]ested lock was not taken", "WARNING: nested lock was not taken[ in {fn}]"),
  lockdep("lockdep-wait-context", "Invalid wait context", "BUG: invalid wait context[ in {fn}]"),
  lockdep("lockdep-wait-context", "invalid wait context", "BUG: invalid wait context[ in {fn}]"),
  lockdep("suspicious-rcu", "suspicious RCU usage", "WARNING: suspicious RCU usage[ in {fn}]"),
  lockdep("suspicious-rcu", "suspicious rcu_dereference", "WARNING: suspicious RCU usage[ in {fn}]"),
  lockdep(
    "lockdep-static-key",
    "trying to register non-static key",
    "INFO: trying to register non-static key[ in {fn}]",
  ),
  lockdep(
    "lockdep-static-key",
    "key \\S+ (?:has not been registered|not in \\.data)",
    "BUG: lock key not registered[ in {fn}]",
  ),
  lockdep("lockdep-limit", "(?<limit>MAX_[A-Z_]+) too low", "BUG: {limit} too low!"),
  lockdep(
    "lockdep-held",
    "workqueue leaked (?:lock or atomic|atomic, lock or RCU)(?:: (?<task>.+?)(?:/0x[0-9a-f]+/|\\[)(?<pid>\\d+))?",
    "BUG: workqueue leaked lock or atomic[ in {fn}]",
  ),
  {
    kind: "spinlock-bug",
    pattern:
      /^BUG: (?<lock>spinlock|rwlock|rt_mutex|write-lock|read-lock|rwlock-lockup|qspinlock) (?<bug>(?:lockup|cpu recursion|recursion|bad magic|already unlocked|wrong CPU|wrong owner|uninitialized|trylock failure|suspected)[\w ]*?) on (?:UP|CPU#?(?<cpu>\d+)),? ?(?:(?<task>.+)\/(?<pid>\d+))?/,
    title: "BUG: {lock} {bug}[ in {fn}]",
  },
  {
    kind: "spinlock-bug",
    pattern: /^BUG: (?<lock>spinlock|rwlock|write-lock|read-lock)[ -](?<bug>[\w ]+)/,
    title: "BUG: {lock} {bug}[ in {fn}]",
  },
  {
    kind: "atomic-schedule",
    pattern:
      /^BUG: scheduling (?:while atomic|in a non-blocking section)(?:: (?<task>.+)\/(?<pid>\d+)\/(?<count>\S+))?/,
    title: "BUG: scheduling while atomic[ in {fn}]",
  },
  {
    kind: "atomic-schedule",
    pattern: /^bad: scheduling from the idle thread!/,
    title: "BUG: scheduling while atomic[ in {fn}]",
  },
  {
    kind: "invalid-context",
    pattern:
      /^BUG: sleeping function called from (?:invalid context|\S+)(?: at (?<where>\S+))?|^BUG: assuming (?:non migratable|atomic|preemptible) context at /,
    title: "BUG: sleeping function called from invalid context[ in {fn}]",
  },
  {
    kind: "preemptible-per-cpu",
    pattern: /^BUG: using (?<access>\S+) in preemptible(?: \S+)?(?: code: (?<task>.+)\/(?<pid>\d+))?/,
    title: "BUG: using {access} in preemptible code[ in {fn}]",
  },
  {
    kind: "preemptible-per-cpu",
    pattern: /^BUG: using (?<access>\S*\(\)|smp_pro\w*|__this_cpu\w*)/,
    title: "BUG: using {access} in preemptible code[ in {fn}]",
  },
];
