import { resolve } from "node:path";
import { command, MissingProgramError } from "../base/command.ts";
import { UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";

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
    const { stdout } = await command(argv, { within: timeouts.host.git, signal, install: "Install git." });
    return stdout.trim();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof MissingProgramError) throw error;
    throw new UsageError(`${tree} is no git tree with a commit ${revision}`, {
      next: `See what is there with \`git -C ${tree} log --oneline\`; a shallow clone has only its newest commits.`,
      cause: error,
    });
  }
}
