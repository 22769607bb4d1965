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
    pattern: /^Kernel panic(?: - not syncing)?: (?<reason>(?:Watchdog detected )?[Hh]ard LOCKUP.*)/,
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

/**
 * WARN_ON in its forms since 2.6, broken in-kernel books, and file systems that found themselves corrupted.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/panic.c
 */
export const warnings: readonly Format[] = [
  {
    kind: "list-corruption",
    pattern:
      /^WARNING:(?: CPU: ?(?<cpu>\d+))?(?: PID: ?(?<pid>-?\d+))?(?: at)? (?<where>\S*lib\/list_debug\.c:\d+)/,
    title: "BUG: corrupted list[ in {fn}]",
    joins: ["list-corruption", "bug"],
  },
  {
    kind: "warning",
    pattern: new RegExp(
      `^WARNING:(?: CPU: ?(?<cpu>\\d+))?(?: PID: ?(?<pid>-?\\d+))? at (?<where>\\S+:\\d+) ?(?:at )?(?:${fn})?(?:\\(\\))?`,
    ),
    title: "WARNING[: {flavour}][ in {fn}]",
    joins: ["list-corruption", "bug"],
  },
  {
    kind: "warning",
    pattern: new RegExp(`^WARNING:(?: CPU: ?(?<cpu>\\d+))(?: PID: ?(?<pid>-?\\d+))? at ${fn}`),
    title: "WARNING[: {flavour}][ in {fn}]",
    joins: ["list-corruption", "bug"],
  },
  {
    kind: "warning",
    pattern: new RegExp(
      `^WARNING: (?:\\[(?<condition>.*?)\\] )?(?<where>\\S+\\.[chS]:\\d+) at (?:${fn}|0x0).*?(?:, CPU#(?<cpu>\\d+): (?<task>.+)/(?<pid>\\d+))?$`,
    ),
    title: "WARNING[: {flavour}][ in {fn}]",
    joins: ["list-corruption", "bug"],
  },
  {
    kind: "warning",
    pattern: /^WARNING: at (?<fn>[A-Za-z_][\w.]*)\+0x[0-9a-f]+\/0x[0-9a-f]+/,
    title: "WARNING[: {flavour}][ in {fn}]",
    joins: ["list-corruption", "bug"],
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

export const filesystems: readonly Format[] = [
  {
    kind: "filesystem-error",
    pattern: /^(?<fs>EXT[234])-fs error \(device (?<device>[^)]*)\)(?: in)?:? ?(?<fn>\w+)(?::(?<where>\d+))?/,
    title: "{fs}-fs error[ in {fn}]",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern:
      /^(?<fs>XFS) \((?<device>[^)]*)\): (?:Internal error|Metadata (?:corruption|CRC error) detected at|Corruption (?:of in-memory data|detected)|Log I\/O Error Detected|Filesystem has been shut down)\b(?:.*?(?:Caller|detected at) (?<fn>[A-Za-z_]\w*)\+)?/,
    title: "{fs} error[ in {fn}]",
  },
  {
    kind: "filesystem-error",
    pattern:
      /^(?<fs>BTRFS)(?: critical| error| warning|: error)? ?\(device (?<device>[^):]*)[^)]*\)(?:: | in (?<fn>\w+):\d+: )(?:(?:.*(?:corrupt|forced readonly|errno=|Transaction aborted|parent transid verify failed|unable to find).*))/,
    title: "{fs} error[ in {fn}]",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern: /^(?<fs>BTRFS): Transaction aborted \(error -\d+\)/,
    title: "{fs} error",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern: /^(?<fs>FAT|exFAT)-fs \((?<device>[^)]*)\): error, (?<fn>\w+)?/,
    title: "{fs}-fs error[ in {fn}]",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern: /^(?<fs>F2FS)-fs \((?<device>[^)]*)\): (?:inconsistent node block|.*\bcorrupted\b)/,
    title: "{fs}-fs error",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern: /^Aborting journal on device (?<device>[^.\s]+)/,
    title: "JBD2 error",
    alone: true,
  },
  {
    kind: "filesystem-error",
    pattern:
      /^(?<fs>FAT|NTFS|HFS\+?|F2FS|OCFS2|GFS2|REISERFS|JFS|NILFS)(?:-fs)? error \((?:device )?(?<device>[^)]*)\)/,
    title: "{fs}-fs error",
    alone: true,
  },
];
