import { mkdir, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { command } from "../base/command.ts";
import { messageOf, UsageError } from "../base/errors.ts";

/**
 * The id of the commit that a revision names in a tree.
 *
 * @throws {UsageError} when there is no such tree or revision.
 */
export async function resolveCommit(tree: string, revision: string, signal: AbortSignal): Promise<string> {
  const argv = [
    "git",
    "-C",
    resolve(tree),
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${revision}^{commit}`,
  ];
  try {
    const { stdout } = await command(argv, { within: "60s", signal, install: "Install git." });
    return stdout.trim();
  } catch (error) {
    signal.throwIfAborted();
    if (/not installed/.test(messageOf(error))) throw error;
    throw new UsageError(`${tree} is no git tree with a commit ${revision}`, {
      next: `See what is there with \`git -C ${tree} log --oneline\`; a shallow clone has only its newest commits.`,
      cause: error,
    });
  }
}

/**
 * Write a commit's files to a folder, through an index of its own: neither the tree nor its index changes.
 *
 * @see https://git-scm.com/docs/git-checkout-index (--prefix)
 */
export async function exportCommit(options: {
  tree: string;
  commit: string;
  to: string;
  signal: AbortSignal;
}): Promise<void> {
  const { commit, to, signal } = options;
  const index = `${to}.index`;
  const git = ["env", `GIT_INDEX_FILE=${index}`, "git", "-C", resolve(options.tree)];
  await mkdir(to, { recursive: true });
  await command([...git, "read-tree", commit], { within: "5m", signal });
  await command([...git, "checkout-index", "--all", "--force", `--prefix=${to}/`], { within: "15m", signal });
  await rm(index, { force: true });
}
