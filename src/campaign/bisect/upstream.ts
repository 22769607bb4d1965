import { command } from "../../base/command.ts";
import type { Context } from "../../base/context.ts";
import { timeouts } from "../../base/timeouts.ts";
import { compareKernelVersions, releasePattern } from "../../kernel/version.ts";

/** A commit of a stable tree that is a copy of one of mainline's, and who else has it. */
export interface Upstream {
  /** Mainline's commit, in full. */
  readonly commit: string;
  /** Mainline's commits that it says it mends, as it writes them. */
  readonly fixes: readonly string[];
  /** The first release of each line that has it, in the trees that were looked at. */
  readonly releases: readonly string[];
  /** The trees. */
  readonly trees: readonly string[];
}

/**
 * Mainline's commit that a stable commit says it is a copy of.
 *
 * @see https://docs.kernel.org/process/stable-kernel-rules.html
 * @example upstreamCommit("io_uring: x\n\n[ Upstream commit 8d09a88ef9d3cb7d21d45c39b7b7c31298d23998 ]\n")
 */
export function upstreamCommit(message: string): string | undefined {
  return /^\s*(?:commit ([0-9a-f]{40}) upstream\.?|\[\s*Upstream commit ([0-9a-f]{40})\s*\]|\(cherry[- ]picked from commit ([0-9a-f]{40})\))\s*$/im
    .exec(message)
    ?.slice(1)
    .find((id) => id !== undefined);
}

/** The commits that a message says it mends. @example fixedCommits("Fixes: 93fa1bb31a2c (\"mm\")") // ["93fa1bb31a2c"] */
export function fixedCommits(message: string): string[] {
  return [...message.matchAll(/^\s*Fixes:\s*([0-9a-f]{8,40})\b/gim)].map(([, id = ""]) => id);
}

/**
 * The first release of each line, from tags. Candidates of a release count only where the release has none.
 *
 * @example firstOfEachLine(["v6.6.58", "v6.6.57", "v6.12", "v6.12-rc3"]) // ["6.6.57", "6.12"]
 */
export function firstOfEachLine(tags: readonly string[]): string[] {
  const lines = new Map<string, string>();
  const versions = tags
    .map((tag) => tag.replace(/^(?:v|linux-)/, ""))
    .filter((tag) => releasePattern.test(tag));
  for (const version of versions.sort(compareKernelVersions)) {
    const line = version.split(/[.-]/).slice(0, 2).join(".");
    const first = lines.get(line);
    if (first === undefined || (first.includes("-rc") && !version.includes("-rc"))) lines.set(line, version);
  }
  return [...lines.values()];
}

/**
 * Follow a commit of a stable tree to mainline's, and to the releases that carry a copy of it.
 *
 * @param trees the tree that has the commit, then others to look through.
 * @returns undefined when the commit does not say what it is a copy of.
 * @throws {CommandError} when git fails on the first tree.
 */
export async function followUpstream(
  commit: string,
  trees: readonly [string, ...string[]],
  context: Context,
): Promise<Upstream | undefined> {
  const { signal } = context;
  const git = async (tree: string, ...argv: readonly string[]): Promise<string> =>
    (await command(["git", "-C", tree, ...argv], { within: timeouts.host.git, signal })).stdout.trim();
  const message = await git(trees[0], "show", "--no-patch", "--format=%B", commit);
  const id = upstreamCommit(message);
  if (id === undefined) return undefined;
  const tags: string[] = [];
  for (const tree of trees) {
    const grep = ["--fixed-strings", "--regexp-ignore-case", `--grep=${id}`];
    const copies: string[] = (await git(tree, "log", "--all", "--format=%H", ...grep)).split("\n");
    for (const copy of new Set([...copies, id])) {
      if (copy === "") continue;
      // A mention is no copy: reverts and later fixes name it, too.
      const text = await git(tree, "show", "--no-patch", "--format=%B", copy).catch(() => undefined);
      if (text === undefined || (copy !== id && upstreamCommit(text) !== id)) continue;
      tags.push(...(await git(tree, "tag", "--contains", copy)).split("\n"));
    }
  }
  return { commit: id, fixes: fixedCommits(message), releases: firstOfEachLine([...new Set(tags)]), trees };
}
