import { command } from "../../base/command.ts";
import type { Context } from "../../base/context.ts";
import { timeouts } from "../../base/timeouts.ts";
import { type CompiledFiles, foldersOf } from "../../kernel/compiled-files.ts";
import { isOfOtherArchitecture } from "../../kernel/sparse.ts";
import { guestPlatform } from "../../platform/platforms.ts";
import type { Candidate } from "./candidates.ts";
import { idOfCommit, type TouchedPaths, touchedPaths } from "./commit-paths.ts";

/** What commits touch, and what there is at the end of their range. */
export interface CommitPaths {
  readonly touched: TouchedPaths;
  /** Every path at the right end. */
  readonly there: ReadonlySet<string>;
}

/** Files for people and for tests, which no kernel is built from. */
const aside = /^(?:Documentation|LICENSES|samples|tools\/testing)\/|^(?:MAINTAINERS|CREDITS|\.mailmap)$/;
/** Files that are compiled or included, or not read at all; of all others nobody keeps a record. */
const recorded = /\.(?:c|h|S)$/;
/** What decides which files are compiled. */
const decides = /(?:^|\/)(?:Makefile|Kbuild|Kconfig)[^/]*$/;

/**
 * Commits that change nothing of what this configuration compiles: the kernel of such a one is that of its parent. When
 * in doubt a commit is none of them: a file counts as not compiled only when no record of a build names it, and it is
 * another architecture's, or is there at the end of the range and nothing in the range changes which files of its
 * folders are compiled.
 *
 * @returns their ids.
 */
export function noOpCommits({ touched, there }: CommitPaths, compiled: ReadonlySet<string>): Set<string> {
  const decided = new Set(
    [...touched.values()].flat().flatMap((path) => (decides.test(path) ? foldersOf(path).slice(0, 1) : [])),
  );
  const isNothing = (path: string): boolean =>
    aside.test(path) ||
    (isOfOtherArchitecture(path, guestPlatform.kernelBuild) && !compiled.has(path)) ||
    (recorded.test(path) &&
      there.has(path) &&
      !compiled.has(path) &&
      !foldersOf(path).some((folder) => decided.has(folder)));
  return new Set(
    [...touched].flatMap(([id, paths]) => (paths.length > 0 && paths.every(isNothing) ? [id] : [])),
  );
}

/**
 * A range without some of its commits: those after them follow their parents. The ends stay, and so do merges.
 *
 * @param isDropped asked by number.
 */
export function withoutCommits(
  candidates: readonly Candidate[],
  isDropped: (candidate: Candidate) => boolean,
): Candidate[] {
  const last = candidates.length - 1;
  const numbers: number[] = [];
  const kept: Candidate[] = [];
  for (const [index, candidate] of candidates.entries()) {
    const parents = [...new Set(candidate.parents.map((parent) => numbers[parent] ?? 0))];
    const [only] = candidate.parents;
    if (
      index > 0 &&
      index < last &&
      candidate.parents.length === 1 &&
      only !== undefined &&
      isDropped(candidate)
    ) {
      numbers.push(numbers[only] ?? 0);
      continue;
    }
    numbers.push(kept.length);
    kept.push({ ...candidate, parents });
  }
  return kept;
}

/**
 * Merge commits that change nothing of what was compiled in their tree with their parents, before the first trial.
 *
 * @param compiled of a build of the same line of releases, such as that of the right end.
 */
export async function mergeNoOps(
  candidates: readonly Candidate[],
  tree: string,
  compiled: CompiledFiles,
  context: Context,
): Promise<{ readonly candidates: readonly Candidate[]; readonly merged: number }> {
  const { signal } = context;
  const git = async (...argv: readonly string[]): Promise<string> =>
    (await command(["git", "-C", tree, ...argv], { within: timeouts.host.git, signal })).stdout;
  const right = candidates.at(-1);
  if (!right) return { candidates, merged: 0 };
  const touched = await touchedPaths(candidates, tree, context);
  const names = await git("-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", idOfCommit(right));
  const nothing = noOpCommits({ touched, there: new Set(names.split("\n")) }, compiled.files);
  const kept = withoutCommits(candidates, (candidate) => nothing.has(idOfCommit(candidate)));
  return { candidates: kept, merged: candidates.length - kept.length };
}
