import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CommandError, command } from "../base/command.ts";
import { InfraError } from "../base/errors.ts";
import type { Lock } from "../base/lock.ts";
import { timeouts } from "../base/timeouts.ts";

/** git with a user's objects and settings of remotes, and a work tree, an index and a HEAD of ours. */
export interface PrivateGit {
  /**
   * Bring the work tree to a commit; only files that differ are written.
   *
   * @param patterns which files, as git's sparse checkout has it.
   * @throws {MissingObjectsError} when the tree has not all of them.
   * @throws {InfraError} when they would have to be fetched, and cannot be.
   */
  checkOut(commit: string, patterns: string, signal: AbortSignal): Promise<void>;
  /** Whether the patterns left out any file of the commit. */
  leavesOut(signal: AbortSignal): Promise<boolean>;
  /** Run git in the work tree, with its index. */
  run(argv: readonly string[], input: Buffer, signal: AbortSignal): Promise<void>;
  /** Remove what the commit does not have. */
  clean(signal: AbortSignal): Promise<void>;
}

/** A tree has not every file that its commit names: a snapshot without its largest ones, for example. */
export class MissingObjectsError extends InfraError {
  /** Which, below the tree's top folder. */
  readonly paths: readonly string[];
  constructor(tree: string, paths: readonly string[], cause: unknown) {
    super(`the git tree ${tree} lacks ${paths.length} of its commit's files, such as ${paths[0]}`, {
      next: `See what git finds: \`git -C ${tree} fsck\`.`,
      cause,
    });
    this.paths = paths;
  }
}

/**
 * Open a user's tree, bare or not, for checkouts of ours: what a linked work tree is to git, but unknown to the user's
 * repository, in which nothing is written. Only what a partial clone has to fetch first goes where that clone keeps it.
 *
 * @see https://git-scm.com/docs/gitrepository-layout (commondir)
 */
export async function privateGit(options: {
  readonly tree: string;
  readonly source: string;
  readonly index: string;
  /** A folder of ours that becomes the git directory. */
  readonly gitDir: string;
  readonly lock: Lock;
  readonly signal: AbortSignal;
}): Promise<PrivateGit> {
  const { source, index, gitDir, lock } = options;
  const tree = resolve(options.tree);
  const asked = { within: timeouts.host.ask, signal: options.signal } as const;
  const { stdout } = await command(["git", "-C", tree, "rev-parse", "--git-common-dir"], asked);
  await mkdir(join(gitDir, "info"), { recursive: true });
  await writeFile(join(gitDir, "commondir"), `${resolve(tree, stdout.trim())}\n`);
  // What the user has set for their own work tree is not for ours, and neither are their hooks.
  const settings = [
    "core.bare=false",
    "core.sparseCheckout=true",
    "core.sparseCheckoutCone=false",
    "index.sparse=false",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.hooksPath=/dev/null",
  ].flatMap((setting) => ["-c", setting]);
  const git = async (argv: readonly string[], signal: AbortSignal, input?: Buffer): Promise<string> => {
    const where = [`--git-dir=${gitDir}`, `--work-tree=${source}`];
    const { stdout } = await command(["git", ...where, ...settings, ...argv], {
      within: timeouts.make.checkOut,
      signal,
      cwd: source,
      env: { GIT_INDEX_FILE: index },
      inherit: [lock.descriptor],
      ...(input === undefined ? {} : { input }),
    });
    return stdout;
  };
  return {
    leavesOut: async (signal) => /^S /m.test(await git(["ls-files", "-t"], signal)),
    checkOut: async (commit, patterns, signal) => {
      await writeFile(join(gitDir, "HEAD"), `${commit}\n`);
      await writeFile(join(gitDir, "info/sparse-checkout"), patterns);
      try {
        await git(["read-tree", "--reset", "-u", commit], signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof CommandError)) throw error;
        throw await explain(error, tree, commit, signal);
      }
    },
    run: async (argv, input, signal) => {
      await git(argv, signal, input);
    },
    clean: async (signal) => {
      await git(["clean", "-ffdxq"], signal);
    },
  };
}

/** Why a checkout failed, as far as the tree's objects tell. */
async function explain(
  error: CommandError,
  tree: string,
  commit: string,
  signal: AbortSignal,
): Promise<unknown> {
  const ask = async (...argv: readonly string[]): Promise<string> =>
    (await command(["git", "-C", tree, ...argv], { within: timeouts.host.git, signal })).stdout;
  const isPartial = await ask("config", "--get-regexp", "^remote\\..*\\.promisor$").then(
    (text) => /\btrue$/m.test(text),
    () => false,
  );
  if (isPartial) {
    return new InfraError(`the git tree ${tree} is a partial clone, and what it lacks could not be fetched`, {
      next: `See why with \`git -C ${tree} fetch\`; what a build reads is fetched once.`,
      cause: error,
    });
  }
  const listed = await ask("rev-list", "--objects", "--missing=print", "--no-walk", commit).catch(() => "");
  const missing = new Set(
    listed.split("\n").flatMap((line) => (line.startsWith("?") ? [line.slice(1)] : [])),
  );
  if (missing.size === 0) return error;
  const entries = (await ask("ls-tree", "-r", "-z", commit)).split("\0");
  const paths = entries.flatMap((entry) => {
    const [, id, path] = /^\d+ \w+ (\w+)\t(.+)$/s.exec(entry) ?? [];
    return id !== undefined && path !== undefined && missing.has(id) ? [path] : [];
  });
  return paths.length === 0 ? error : new MissingObjectsError(tree, paths, error);
}
