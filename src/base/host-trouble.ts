/** What can be wrong with a host while it does our work; none of it says anything about a kernel or a workload. */
export type HostTroubleKind =
  | "disk-full"
  | "quota"
  | "read-only"
  | "memory"
  | "killed-for-memory"
  | "io-error"
  | "missing-program";

/** A host's trouble, and what its owner can do. */
export interface HostTrouble {
  readonly kind: HostTroubleKind;
  /** What the host lacks or did, such as "its disk is full". */
  readonly what: string;
  /** The next step, as one sentence. */
  readonly next: string;
}

interface Row extends HostTrouble {
  /** Codes of Node's errors (errno names) and of SQLite's. */
  readonly codes: readonly string[];
  /**
   * What programs print, in the C locale that {@link command} gives them: strerror's text, which the compiler,
   * the linker, tar and QEMU repeat, and what SQLite, make and the compiler's driver say by themselves.
   */
  readonly words: RegExp;
}

/** @see https://man7.org/linux/man-pages/man3/errno.3.html, https://www.sqlite.org/rescode.html */
const table: readonly Row[] = [
  {
    kind: "disk-full",
    what: "a disk of this host is full",
    next: "Free some disk space, or set DSTATE_CACHE (and TMPDIR) to a larger disk, and run again.",
    codes: ["ENOSPC", "SQLITE_FULL"],
    words: /no space left on device|database or disk is full/i,
  },
  {
    kind: "quota",
    what: "this user's disk quota is used up",
    next: "Free some of the quota, or set DSTATE_CACHE (and TMPDIR) to another disk, and run again.",
    codes: ["EDQUOT"],
    words: /disk quota exceeded/i,
  },
  {
    kind: "read-only",
    what: "a file system of this host is mounted read-only",
    next: "Set DSTATE_CACHE, DSTATE_LOGS and TMPDIR to folders that can be written to, and run again.",
    codes: ["EROFS", "SQLITE_READONLY"],
    words: /read-only file system|attempt to write a readonly database/i,
  },
  {
    kind: "killed-for-memory",
    what: "the host ended a program, most likely for want of memory",
    next: "Give the host more memory, or end other work on it; its own kernel log (`dmesg`) says what was killed.",
    codes: [],
    words: /\bKilled signal terminated program\b|^Killed$|\bError 137\b|Killed \(signal 9\)/m,
  },
  {
    kind: "memory",
    what: "this host's memory does not suffice",
    next: "Give the host more memory, end other work on it, or set DSTATE_MEMORY lower, and run again.",
    codes: ["ENOMEM", "SQLITE_NOMEM", "ERR_WORKER_OUT_OF_MEMORY"],
    words:
      /cannot allocate memory|out of memory allocating|virtual memory exhausted|memory exhausted|cannot set up guest memory/i,
  },
  {
    kind: "io-error",
    what: "a disk of this host fails to read or write",
    next: "See the host's own kernel log (`dmesg`), or set DSTATE_CACHE and TMPDIR to another disk.",
    codes: ["EIO", "SQLITE_IOERR"],
    words: /\binput\/output error\b|\bdisk I\/O error\b/i,
  },
  {
    kind: "missing-program",
    what: "a program is missing on this host",
    next: "Run `dstate doctor` to see what is missing, and `dstate setup` to install it.",
    codes: [],
    words: /: (?:command )?not found$|\bError 127\b|is not installed|No such file or directory: exec/m,
  },
];

/**
 * The host's trouble that some program told of: its output in the C locale.
 *
 * @example hostTroubleIn("tar: x: Cannot write: No space left on device")?.kind // "disk-full"
 */
export function hostTroubleIn(text: string): HostTrouble | undefined {
  return table.find(({ words }) => words.test(text));
}

/**
 * The host's trouble behind an error: by its code where it has one, or its causes have, else by its words.
 *
 * @example hostTroubleOf(Object.assign(new Error("write"), { code: "ENOSPC" }))?.kind // "disk-full"
 */
export function hostTroubleOf(error: unknown): HostTrouble | undefined {
  for (
    let each: unknown = error, depth = 0;
    each instanceof Error && depth < 8;
    each = each.cause, depth += 1
  ) {
    const codes = codesOf(each);
    const found =
      table.find((row) => row.codes.some((code) => codes.includes(code))) ?? hostTroubleIn(each.message);
    if (found) return found;
  }
  return undefined;
}

/** SQLite's primary result codes that tell of the host. @see https://www.sqlite.org/rescode.html */
const sqliteCodes: Readonly<Record<number, string>> = {
  7: "SQLITE_NOMEM",
  8: "SQLITE_READONLY",
  10: "SQLITE_IOERR",
  13: "SQLITE_FULL",
};

function codesOf(error: Error): string[] {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return [
    ...(typeof code === "string" ? [code] : []),
    // An extended result code has its primary one in the lowest byte.
    ...(typeof errcode === "number" ? [sqliteCodes[errcode & 0xff] ?? ""] : []),
  ];
}
