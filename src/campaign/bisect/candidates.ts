import { command } from "../../base/command.ts";
import type { Context } from "../../base/context.ts";
import { UsageError } from "../../base/errors.ts";
import { timeouts } from "../../base/timeouts.ts";
import { resolveCommit } from "../../kernel/git-tree.ts";
import { listKernels } from "../../kernel/list.ts";
import { parseKernelSelector } from "../../kernel/selector.ts";
import { sourceOf } from "../../kernel/sources/index.ts";
import { compareKernelVersions, nearestKernels } from "../../kernel/version.ts";
import type { Cell } from "../../lab/cell.ts";
import { listNodeVersions } from "../../runtime/node.ts";
import { compareVersions, nearestVersions } from "../../runtime/version.ts";

/** One place in a range: the good end has number 0. */
export interface Candidate {
  /** As a person names it: a version, or a commit. */
  readonly name: string;
  /** What else to show: a commit's subject. */
  readonly detail: string;
  readonly cell: Cell;
  /** Numbers of the candidates just before; the good end is 0. */
  readonly parents: readonly number[];
}

/** A range as the user wrote it, `A..B`: A is good, B is bad. */
export interface Ends {
  readonly good: string;
  readonly bad: string;
}

/**
 * Whether a value of an axis is a range: two dots in the path of a tree or a file are none.
 *
 * @example isRange("6.1.106..6.1.115") // true
 */
export function isRange(text: string | undefined): text is string {
  return text?.includes("..") === true && !/^(git|file):/.test(text);
}

/**
 * Read `A..B`.
 *
 * @throws {UsageError} when it is no range, or both ends are the same.
 * @example parseRange("6.1.106..6.1.115") // { good: "6.1.106", bad: "6.1.115" }
 */
export function parseRange(text: string): Ends {
  const [good = "", bad = "", ...rest] = text.split(/(?<!\.)\.\.(?!\.)/);
  if (good === "" || bad === "" || rest.length > 0) {
    throw new UsageError(`"${text}" is no range`, { next: "Write GOOD..BAD, such as 6.1.106..6.1.115." });
  }
  if (good === bad)
    throw new UsageError(`the range ${text} is empty`, { next: "Its two ends have to differ." });
  return { good, bad };
}

/**
 * The versions from one end to the other, both included.
 *
 * @throws {UsageError} when an end is not known, or the range is reversed.
 */
export function sliceVersions(
  { good, bad }: Ends,
  known: readonly string[],
  options: {
    readonly what: string;
    readonly compare: (a: string, b: string) => number;
    readonly near: (wanted: string, known: readonly string[]) => readonly string[];
  },
): string[] {
  const { what, compare } = options;
  const sorted = [...new Set(known)].sort(compare);
  for (const end of [good, bad]) {
    if (sorted.some((version) => compare(version, end) === 0)) continue;
    throw new UsageError(`no place that is known here has ${what} ${end}`, {
      next: `Near it: ${options.near(end, sorted).join(", ")}.`,
    });
  }
  if (compare(good, bad) > 0) {
    throw new UsageError(`the range ${good}..${bad} is reversed: ${good} is newer than ${bad}`, {
      next: `Write ${bad}..${good} if ${bad} is good. To find what mended a failure is not supported.`,
    });
  }
  return sorted.filter((version) => compare(version, good) >= 0 && compare(version, bad) <= 0);
}

/** Node releases in a range. */
export async function nodeCandidates(ends: Ends, cell: Cell, context: Context): Promise<Candidate[]> {
  for (const end of [ends.good, ends.bad]) {
    if (!/^\d+\.\d+\.\d+$/.test(end))
      throw new UsageError(`"${end}" is no exact Node version`, { next: "Write one such as 20.9.0." });
  }
  const versions = sliceVersions(ends, await listNodeVersions(context), {
    what: "Node",
    compare: compareVersions,
    near: nearestVersions,
  });
  return inARow(versions.map((node) => ({ name: node, cell: { ...cell, node } })));
}

/**
 * Kernel releases in a range: packages and sources alike, ordered as kernel versions are. Where a version can be
 * had as both, the one in the cache is taken, else the package, which needs no build.
 *
 * @throws {UsageError} when the ends belong to different lines, such as 6.1 and 6.6: the branches between them
 *   are no single row.
 */
export async function kernelCandidates(ends: Ends, cell: Cell, context: Context): Promise<Candidate[]> {
  const versionOf = (text: string): string => {
    const version = releaseOf(text);
    if (version !== undefined) return version;
    throw new UsageError(`"${text}" is no end of a range of releases`, {
      next: "Write versions such as 6.1.106..6.1.115; for commits use --git TREE --range GOOD..BAD.",
    });
  };
  const wanted = { good: versionOf(ends.good), bad: versionOf(ends.bad) };
  const lineOf = (version: string): string => version.split(/[.-]/).slice(0, 2).join(".");
  if (lineOf(wanted.good) !== lineOf(wanted.bad)) {
    throw new UsageError(
      `${wanted.good} and ${wanted.bad} belong to different lines of stable releases, which are no single row`,
      { next: "Bisect within a line, or over commits: --git TREE --range GOOD..BAD." },
    );
  }
  const list = await listKernels(context);
  const selectors = new Map<string, string>();
  for (const { selector } of [...list.releases, ...list.packages, ...list.cached]) {
    const version = releaseOf(selector);
    if (version !== undefined) selectors.set(version, selector);
  }
  for (const end of [ends.good, ends.bad])
    if (selectors.has(versionOf(end))) selectors.set(versionOf(end), end);
  const versions = sliceVersions(wanted, [...selectors.keys()], {
    what: "Linux",
    compare: compareKernelVersions,
    near: (version, known) => nearestKernels(version, known),
  });
  return inARow(
    versions.map((version) => ({
      name: version,
      cell: { ...cell, kernel: selectors.get(version) ?? version },
    })),
  );
}

/** The upstream release that a selector names, if it stands in a row of releases. */
function releaseOf(text: string): string | undefined {
  const selector = parseKernelSelector(text);
  return sourceOf(selector).releaseOf(selector);
}

function inARow(list: readonly { name: string; cell: Cell }[]): Candidate[] {
  return list.map((candidate, index) => ({
    ...candidate,
    detail: "",
    parents: index === 0 ? [] : [index - 1],
  }));
}

/**
 * The commits of a kernel tree that BAD has and GOOD has not, parents first, as `git bisect` sees them.
 *
 * @throws {UsageError} when the tree has uncommitted changes, an end is unknown, or GOOD is no ancestor of BAD.
 */
export async function commitCandidates(
  tree: string,
  ends: Ends,
  cell: Cell,
  context: Context,
): Promise<Candidate[]> {
  const { signal } = context;
  const [good, bad] = [
    await resolveCommit(tree, ends.good, signal),
    await resolveCommit(tree, ends.bad, signal),
  ];
  const git = async (...argv: readonly string[]): Promise<string> =>
    (await command(["git", "-C", tree, ...argv], { within: timeouts.host.git, signal })).stdout;
  const bare = (await git("rev-parse", "--is-bare-repository")).trim() === "true";
  if (!bare && (await git("status", "--porcelain", "--untracked-files=no")).trim() !== "") {
    throw new UsageError(`${tree} has changes that are not committed`, {
      next: "Commit or stash them: they would be in none of the kernels that are tried.",
    });
  }
  const base = (await git("merge-base", good, bad).catch(() => "")).trim();
  if (good === bad) throw new UsageError(`${ends.good} and ${ends.bad} are the same commit`);
  if (base === bad) {
    throw new UsageError(`the range is reversed: ${ends.bad} is an ancestor of ${ends.good}`, {
      next: `Write ${ends.bad}..${ends.good} if ${ends.bad} is good.`,
    });
  }
  if (base !== good) {
    throw new UsageError(`${ends.good} is no ancestor of ${ends.bad}: they are on different branches`, {
      next:
        base === ""
          ? "They have no commit in common."
          : `Their last commit in common is ${base.slice(0, 12)}.`,
    });
  }
  const log = await git("log", "--topo-order", "--reverse", "--format=%H%x09%P%x09%s", `${good}..${bad}`);
  const rows = log
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
  const numbers = new Map([[good, 0], ...rows.map(([id = ""], index) => [id, index + 1] as const)]);
  const of = (id: string, subject: string, parents: readonly number[]): Candidate => ({
    name: id.slice(0, 12),
    detail: subject,
    cell: { ...cell, kernel: `git:${tree}@${id}` },
    parents,
  });
  return [
    of(good, "the good end", []),
    ...rows.map(([id = "", parents = "", ...subject]) =>
      of(id, subject.join("\t"), [
        // What lies outside the range is as good as the good end.
        ...new Set(parents.split(" ").map((parent) => numbers.get(parent) ?? 0)),
      ]),
    ),
  ];
}
