import type { Format } from "./format.ts";

const fn = "(?<fn>[A-Za-z_.<][^\\s+,]*)(?:\\+0x[0-9a-f]+/0x[0-9a-f]+)?";

/** Panics that name a kind of their own; they matter where the panic is all that is left of a log. */
export const panics: readonly Format[] = [
  {
    kind: "stack-corruption",
    pattern: new RegExp(
      `^Kernel panic(?: - not syncing)?: (?<reason>stack-protector: Kernel stack is corrupted(?: in: ${fn})?)`,
    ),
    title: "kernel panic: stack is corrupted[ in {fn}]",
  },
  {
    kind: "stack-corruption",
    pattern: /^Kernel panic(?: - not syncing)?: (?<reason>corrupted stack end detected inside scheduler)/,
    title: "kernel panic: corrupted stack end[ in {fn}]",
  },
  {
    kind: "stack-guard",
    pattern: /^Kernel panic(?: - not syncing)?: (?<reason>[Kk]ernel stack overflow)/,
    title: "kernel stack overflow[ in {fn}]",
  },
  {
    kind: "hard-lockup",
    pattern:
      /^Kernel panic(?: - not syncing)?: (?<reason>(?:Watchdog detected )?[Hh]ard LOCKUP(?: on cpu (?<cpu>\d+))?.*)/,
    title: "BUG: hard lockup[ in {fn}]",
  },
  {
    kind: "soft-lockup",
    pattern: /^Kernel panic(?: - not syncing)?: (?<reason>softlockup: hung tasks)/,
    title: "BUG: soft lockup[ in {fn}]",
  },
  {
    kind: "cfi",
    pattern: new RegExp(`^Kernel panic(?: - not syncing)?: (?<reason>CFI failure \\(target: ${fn}.*)`),
    title: "CFI failure[ in {fn}]",
  },
  {
    kind: "out-of-memory",
    pattern:
      /^Kernel panic(?: - not syncing)?: (?<reason>(?:Out of memory|System is deadlocked on memory).*)/,
    title: "kernel panic: out of memory",
  },
  {
    kind: "panic",
    pattern: /^Kernel panic(?: - not syncing)?: ?(?<reason>.*?)(?: exitcode=0x[0-9a-f]+)?[ .!]*$/,
    title: "kernel panic: {reason}",
  },
  {
    kind: "panic",
    pattern: /^trusty: panic(?: \(caller [^)]*\))?:? ?(?<reason>.*)/,
    title: "trusty: panic: {reason}",
  },
];

/** What can print a headline of its own between `cut here` and the warning. */
const underCut = ["list-corruption", "bug", "filesystem-error"] as const;

/**
 * WARN_ON in its forms since 2.6, broken in-kernel books.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/panic.c
 */
export const warnings: readonly Format[] = [
  {
    kind: "list-corruption",
    pattern:
      /^WARNING:(?: CPU: ?(?<cpu>\d+))?(?: PID: ?(?<pid>-?\d+))?(?: at)? (?<where>\S*lib\/list_debug\.c:\d+)/,
    title: "BUG: corrupted list[ in {fn}]",
    joins: underCut,
  },
  {
    kind: "warning",
    pattern: new RegExp(
      `^WARNING:(?: CPU: ?(?<cpu>\\d+))?(?: PID: ?(?<pid>-?\\d+))? at (?<where>\\S+:\\d+) ?(?:at )?(?:${fn})?(?:\\(\\))?`,
    ),
    title: "WARNING[: {flavour}][ in {fn}]",
    joins: underCut,
  },
  {
    kind: "warning",
    pattern: new RegExp(`^WARNING:(?: CPU: ?(?<cpu>\\d+))(?: PID: ?(?<pid>-?\\d+))? at ${fn}`),
    title: "WARNING[: {flavour}][ in {fn}]",
    joins: underCut,
  },
  {
    kind: "warning",
    pattern: new RegExp(
      `^WARNING: (?:\\[(?<condition>.*?)\\] )?(?<where>\\S+\\.[chS]:\\d+) at (?:${fn}|0x0).*?(?:, CPU#(?<cpu>\\d+): (?<task>.+)/(?<pid>\\d+))?$`,
    ),
    title: "WARNING[: {flavour}][ in {fn}]",
    joins: underCut,
  },
  {
    kind: "warning",
    pattern: /^WARNING: at (?<fn>[A-Za-z_][\w.]*)\+0x[0-9a-f]+\/0x[0-9a-f]+/,
    title: "WARNING[: {flavour}][ in {fn}]",
    joins: underCut,
  },
  { kind: "warning", pattern: /^WARNING: CPU: ?\d+ PID: ?-?\d+/, title: "WARNING[ in {fn}]" },
  {
    kind: "warning",
    pattern:
      /^WARNING: (?<bug>kernel stack (?:regs|frame pointer)) at\s+\S+ in (?<task>.+):(?<pid>\d+) has (?<value>bad (?:'\w+' )?value)/,
    title: "WARNING: {bug} has {value}",
  },
  {
    kind: "warning",
    pattern:
      /^WARNING: (?<bug>(?:can't (?:dereference|access) registers|stack recursion|unrecognized unwind).*)/,
    title: "WARNING: {bug}",
    stamped: true,
  },
  {
    kind: "bug",
    pattern: /^BUG: Dentry (?<address>[0-9a-fx]+|\(\S+\)) ?\{.*\}\s+still in use/,
    title: "BUG: Dentry still in use in unmount",
  },
  {
    kind: "bug",
    pattern: /^VFS: (?<bug>Busy inodes after unmount|Close: file count is (?:0|zero))/,
    title: "VFS: {bug} (use-after-free)",
  },
  { kind: "bug", pattern: /^BUG: (?<bug>[\w].*)/, title: "BUG: {bug}", stamped: true },
  {
    kind: "bug",
    pattern: /^BUG: (?<bug>[\w].*)/,
    title: "BUG: {bug}",
    // Without a kernel prefix anybody may have written it; only the kernel goes on like this.
    confirm: /^(?:CPU: ?\d+ (?:UID: ?\d+ )?PID: ?\d+ Comm: |Pid: \d+, comm: |Call [Tt]race:)/,
  },
];
