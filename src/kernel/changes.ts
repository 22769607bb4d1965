import { UsageError } from "../base/errors.ts";
import { either } from "../base/text.ts";

/** What a kernel that is built here can be built with: checks of its own that cost time and find what tests do not. */
export const kernelChecks = {
  lockdep: {
    finds: "locks taken in orders that can deadlock, and sleeping where it is not allowed",
    fragment: `CONFIG_PROVE_LOCKING=y
CONFIG_DEBUG_ATOMIC_SLEEP=y
# Selected by it.
CONFIG_KALLSYMS_ALL=y
`,
  },
  kasan: {
    finds: "memory that is used after it was freed, or beyond its end",
    fragment: `CONFIG_KASAN=y
CONFIG_KASAN_GENERIC=y
CONFIG_KASAN_VMALLOC=y
`,
  },
  kcsan: {
    finds: "memory that two threads write and read with nothing to keep them apart",
    fragment: `CONFIG_KCSAN=y
CONFIG_KCSAN_REPORT_ONCE_IN_MS=3000
`,
  },
  debug: {
    finds: "broken lists, overwritten and leaked objects, locks and timers used wrongly, overrun stacks",
    fragment: `CONFIG_DEBUG_LIST=y
CONFIG_DEBUG_ATOMIC_SLEEP=y
CONFIG_DEBUG_MUTEXES=y
CONFIG_DEBUG_SPINLOCK=y
CONFIG_DEBUG_RT_MUTEXES=y
CONFIG_DEBUG_OBJECTS=y
CONFIG_DEBUG_OBJECTS_FREE=y
CONFIG_DEBUG_OBJECTS_TIMERS=y
CONFIG_DEBUG_OBJECTS_WORK=y
CONFIG_DEBUG_VM=y
CONFIG_SCHED_STACK_END_CHECK=y
CONFIG_SLUB_DEBUG=y
CONFIG_SLUB_DEBUG_ON=y
`,
  },
} as const satisfies Readonly<Record<string, { readonly finds: string; readonly fragment: string }>>;

export type KernelCheck = keyof typeof kernelChecks;

/** One way in which a kernel is not built as its source and our configuration have it. */
export type KernelChange =
  | { readonly type: "with"; readonly check: KernelCheck }
  /** A commit that is taken back. */
  | { readonly type: "revert"; readonly revision: string }
  /** A file of changes that is applied. */
  | { readonly type: "patch"; readonly path: string };

const checks = Object.keys(kernelChecks).filter(isKernelCheck);

/** Whether a text names a row of {@link kernelChecks}. */
export function isKernelCheck(text: string): text is KernelCheck {
  return Object.hasOwn(kernelChecks, text);
}

/** What can be said after `--with`, for help. */
export const checkNames = either(checks);

const oneChange = new RegExp(`^(.+)\\+(?:(${checks.join("|")})|revert=([^+@\\s]+)|patch=(.+))$`, "s");

/**
 * The changes at the end of a selector, and what stands before them.
 *
 * @example splitChanges("6.1.115+lockdep") // { base: "6.1.115", changes: [{ type: "with", check: "lockdep" }] }
 */
export function splitChanges(text: string): { base: string; changes: readonly KernelChange[] } {
  const changes: KernelChange[] = [];
  let base = text;
  for (let found = oneChange.exec(base); found; found = oneChange.exec(base)) {
    const [, before = "", check, revision, path] = found;
    if (check !== undefined && isKernelCheck(check)) changes.unshift({ type: "with", check });
    else if (revision !== undefined) changes.unshift({ type: "revert", revision });
    else if (path !== undefined) changes.unshift({ type: "patch", path });
    base = before;
  }
  return { base, changes };
}

/** Changes as they stand at the end of a selector. @example formatChanges([{ type: "with", check: "kasan" }]) // "+kasan" */
export function formatChanges(changes: readonly KernelChange[] = []): string {
  return changes.map(formatChange).join("");
}

function formatChange(change: KernelChange): string {
  switch (change.type) {
    case "with":
      return `+${change.check}`;
    case "revert":
      return `+revert=${change.revision}`;
    case "patch":
      return `+patch=${change.path}`;
  }
}

/** The configuration that changes lay over a kernel's own. */
export function fragmentsOf(changes: readonly KernelChange[] = []): string[] {
  return changes.flatMap((change) => (change.type === "with" ? [kernelChecks[change.check].fragment] : []));
}

/** Whether changes name the same for ever: a file may have others tomorrow, and a branch as well. */
export function areFixed(changes: readonly KernelChange[] = []): boolean {
  return changes.every(
    (change) =>
      change.type === "with" || (change.type === "revert" && /^[0-9a-f]{40}$/.test(change.revision)),
  );
}

/** The error for a selector with changes of a kernel that is built already. */
export function cannotChange(text: string): UsageError {
  return new UsageError(`${text} is built already: it cannot be built with something else, nor patched`, {
    next: "Choose a release such as 6.1.115, or a commit such as git:/path@REV.",
  });
}
