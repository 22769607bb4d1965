import { UsageError } from "../../base/errors.ts";

/** A range as the user wrote it, `A..B`: A is the older one. */
export interface Ends {
  readonly left: string;
  readonly right: string;
}

/**
 * Whether a value of an axis is a range: two dots in the path of a tree or a file are none.
 *
 * @example isRange("6.1.106..6.1.115") // true
 */
export function isRange(text: string | undefined): text is string {
  if (text === undefined || text.startsWith("file:")) return false;
  return text.startsWith("git:") ? gitRange(text) !== undefined : text.includes("..");
}

/**
 * Read `A..B`.
 *
 * @throws {UsageError} when it is no range, or both ends are the same.
 * @example parseRange("6.1.106..6.1.115") // { left: "6.1.106", right: "6.1.115" }
 */
export function parseRange(text: string): Ends {
  const [left = "", right = "", ...rest] = text.split(/(?<!\.)\.\.(?!\.)/);
  if (left === "" || right === "" || rest.length > 0) {
    throw new UsageError(`"${text}" is no range`, {
      next: "Write OLDER..NEWER, such as 6.1.106..6.1.115.",
    });
  }
  if (left === right)
    throw new UsageError(`the range ${text} is empty`, { next: "Its two ends have to differ." });
  return { left, right };
}

/** What to write in place of a range whose right end is the older one. */
export function otherWayRound({ left, right }: Ends): string {
  return `Write ${right}..${left}, the older one first. Where ${right} is bad and ${left} good, add --fixed: it finds what mended it.`;
}

/**
 * The versions from one end to the other, both included.
 *
 * @throws {UsageError} when an end is not known, or the range is reversed.
 */
export function sliceVersions(
  ends: Ends,
  known: readonly string[],
  options: {
    readonly what: string;
    readonly compare: (a: string, b: string) => number;
    readonly near: (wanted: string, known: readonly string[]) => readonly string[];
  },
): string[] {
  const { left, right } = ends;
  const { what, compare } = options;
  const sorted = [...new Set(known)].sort(compare);
  for (const end of [left, right]) {
    if (sorted.some((version) => compare(version, end) === 0)) continue;
    throw new UsageError(`no place that is known here has ${what} ${end}`, {
      next: `Near it: ${options.near(end, sorted).join(", ")}.`,
    });
  }
  if (compare(left, right) > 0) {
    throw new UsageError(`the range ${left}..${right} is reversed: ${left} is newer than ${right}`, {
      next: otherWayRound(ends),
    });
  }
  return sorted.filter((version) => compare(version, left) >= 0 && compare(version, right) <= 0);
}

/** A range of a git tree's commits. */
export interface GitRange {
  readonly tree: string;
  readonly ends: Ends;
}

/**
 * Read a range of a git tree: `git:TREE@A..B`, or both ends in full.
 *
 * @returns undefined when it is none.
 * @example gitRange("git:/src/linux@v6.1.106..v6.1.115")?.ends.right // "v6.1.115"
 */
export function gitRange(text: string): GitRange | undefined {
  const { tree, left, right } =
    /^git:(?<tree>.+)@(?<left>[^@]+?)\.\.git:\1@(?<right>[^@]+)$/s.exec(text)?.groups ??
    /^git:(?<tree>.+)@(?<left>[^@/]+?)\.\.(?<right>[^@/]+)$/s.exec(text)?.groups ??
    {};
  return tree === undefined || left === undefined || right === undefined
    ? undefined
    : { tree, ends: { left, right } };
}
