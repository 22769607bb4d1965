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
import { type Ends, otherWayRound, sliceVersions } from "./range.ts";

/** One place in a range: the left end has number 0. */
export interface Candidate {
  /** As a person names it: a version, or a commit. */
  readonly name: string;
  /** What else to show: a commit's subject. */
  readonly detail: string;
  readonly cell: Cell;
  /** Numbers of the candidates just before; the left end is 0. */
  readonly parents: readonly number[];
}

/** Node releases in a range. */
export async function nodeCandidates(ends: Ends, cell: Cell, context: Context): Promise<Candidate[]> {
  for (const end of [ends.left, ends.right]) {
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
      next: "Write versions such as 6.1.106..6.1.115; for commits use --git TREE --range A..B.",
    });
  };
  // A right end is of the left one's kind where it does not say.
  const kind = /^[a-z]+:/.exec(ends.left)?.[0] ?? "";
  const right = /^\d/.test(ends.right) ? `${kind}${ends.right}` : ends.right;
  const wanted = { left: versionOf(ends.left), right: versionOf(right) };
  const lineOf = (version: string): string => version.split(/[.-]/).slice(0, 2).join(".");
  if (lineOf(wanted.left) !== lineOf(wanted.right)) {
    throw new UsageError(
      `${wanted.left} and ${wanted.right} belong to different lines of stable releases, which are no single row`,
      { next: "Bisect within a line, or over commits: --git TREE --range A..B." },
    );
  }
  const list = await listKernels(context);
  const selectors = new Map<string, string>();
  for (const { selector } of [...list.releases, ...list.packages, ...list.cached]) {
    const version = releaseOf(selector);
    if (version !== undefined) selectors.set(version, selector);
  }
  for (const end of [ends.left, right]) if (selectors.has(versionOf(end))) selectors.set(versionOf(end), end);
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
 * Of a history with merges every commit's ancestors are kept, a bit for each pair: 3 MB for so many commits, and a
 * hundred times that for ten times as many.
 */
const mostWithMerges = 5000;

/**
 * The commits of a kernel tree that B has and A has not, parents first, as `git bisect` sees them. Of a long history with
 * merges it is those on B's own line, each merge standing for all that it brought: what a merge brought is a range of
 * its own, see {@link broughtBy}.
 *
 * @param options.mostWithMerges from how many commits on a history with merges is long.
 * @throws {UsageError} when an end is unknown, A is no ancestor of B, or an end is what is checked out in a work tree
 *   with changes.
 */
export async function commitCandidates(
  tree: string,
  ends: Ends,
  cell: Cell,
  context: Context,
  options: { readonly mostWithMerges?: number } = {},
): Promise<Candidate[]> {
  const { signal } = context;
  const [left, right] = [
    await resolveCommit(tree, ends.left, signal),
    await resolveCommit(tree, ends.right, signal),
  ];
  const git = async (...argv: readonly string[]): Promise<string> =>
    (await command(["git", "-C", tree, ...argv], { within: timeouts.host.git, signal })).stdout;
  const bare = (await git("rev-parse", "--is-bare-repository")).trim() === "true";
  // Whoever names what is checked out may mean what lies there. Any other commit is what it is.
  if (!bare && [left, right].includes((await git("rev-parse", "HEAD").catch(() => "")).trim())) {
    if ((await git("status", "--porcelain", "--untracked-files=no")).trim() !== "")
      throw new UsageError(
        `${tree} has changes that are not committed, and its HEAD is an end of the range`,
        {
          next: "Commit or stash them: they would be in none of the kernels that are tried.",
        },
      );
  }
  const base = (await git("merge-base", left, right).catch(() => "")).trim();
  if (left === right) throw new UsageError(`${ends.left} and ${ends.right} are the same commit`);
  if (base === right) {
    throw new UsageError(`the range is reversed: ${ends.right} is an ancestor of ${ends.left}`, {
      next: otherWayRound(ends),
    });
  }
  if (base !== left) {
    throw new UsageError(`${ends.left} is no ancestor of ${ends.right}: they are on different branches`, {
      next:
        base === ""
          ? "They have no commit in common."
          : `Their last commit in common is ${base.slice(0, 12)}.`,
    });
  }
  const rowsOf = async (...which: readonly string[]): Promise<string[][]> => {
    const argv = [
      "log",
      "--topo-order",
      "--reverse",
      "--format=%H%x09%P%x09%s",
      ...which,
      `${left}..${right}`,
    ];
    const text = await git(...argv);
    return text
      .trim()
      .split("\n")
      .map((line) => line.split("\t"));
  };
  const all = await rowsOf();
  const isLong = all.length > (options.mostWithMerges ?? mostWithMerges);
  const isMerged = all.some(([, parents = ""]) => parents.includes(" "));
  const rows = isLong && isMerged ? await rowsOf("--first-parent") : all;
  const numbers = new Map([[left, 0], ...rows.map(([id = ""], index) => [id, index + 1] as const)]);
  const of = (id: string, subject: string, parents: readonly number[]): Candidate => ({
    name: id.slice(0, 12),
    detail: subject,
    cell: { ...cell, kernel: `git:${tree}@${id}` },
    parents,
  });
  return [
    of(left, "the left end", []),
    ...rows.map(([id = "", parents = "", ...subject]) =>
      of(id, subject.join("\t"), [
        // What lies outside the range is as good, or as bad, as the left end; what a merge brought lies in it.
        ...new Set(
          parents
            .split(" ")
            .slice(0, rows === all ? undefined : 1)
            .map((parent) => numbers.get(parent) ?? 0),
        ),
      ]),
    ),
  ];
}

/**
 * The range of what a merge brought, where a commit is one: from its first parent to itself.
 *
 * @returns undefined for a commit that is no merge.
 */
export async function broughtBy(
  commit: string,
  tree: string,
  { signal }: Pick<Context, "signal">,
): Promise<Ends | undefined> {
  const argv = ["git", "-C", tree, "rev-list", "--parents", "--max-count=1", commit];
  const { stdout } = await command(argv, { within: timeouts.host.git, signal });
  const [, first, second] = stdout.trim().split(" ");
  return first === undefined || second === undefined ? undefined : { left: first, right: commit };
}
