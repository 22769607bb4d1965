import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { type Lock, lockFile } from "../base/lock.ts";
import { keyOf } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";
import type { CompilerCache } from "./build.ts";

/** What makes two builds share a tree: everything that would compile every file anew. */
export interface BuildTreeFacts {
  /** The user's git tree. */
  readonly tree: string;
  readonly configuration: string;
  readonly compiler: string;
}

/** A work tree and an object folder of our own, held for one build. */
export interface BuildTree extends AsyncDisposable {
  readonly source: string;
  readonly objects: string;
  /** Whether objects of an earlier commit are there. */
  readonly isUsed: boolean;
  /** Held while it is open, and by what builds in it. */
  readonly lock: Lock;
  /** Bring the work tree to a commit; only files that differ are written, so that make sees what changed. */
  checkOut(commit: string, signal: AbortSignal): Promise<void>;
  /** Forget all objects. */
  clean(): Promise<void>;
  /** Trust what was built since the tree was opened. */
  keep(): Promise<void>;
}

/**
 * Open the build tree for commits of a user's git tree. Objects stay for the next commit, whose build then
 * compiles only what differs. The user's own work tree, index and HEAD are never touched: git is given a work
 * tree and an index of ours.
 *
 * What an interrupted or failed build wrote is removed when the tree is opened next: Kbuild takes a half-written
 * object for a finished one. It is opened by one at a time: compilers that outlive a killed dstate hold it too.
 *
 * @see https://git-scm.com/docs/git-read-tree (--reset -u)
 * @example
 * await using tree = await openBuildTree({ tree: "/src/linux", configuration, compiler }, context);
 * await tree.checkOut(commit, context.signal);
 */
export async function openBuildTree(facts: BuildTreeFacts, context: Context): Promise<BuildTree> {
  const { signal } = context;
  // Not "build-trees", where earlier versions build: their lock is another one, and they might hold it.
  const root = join(context.settings.cacheDir, "kernel-trees");
  const locks = join(root, ".locks");
  const name = keyOf({ ...facts, tree: resolve(facts.tree) });
  const dir = join(root, name);
  const [source, objects, index] = [join(dir, "source"), join(dir, "objects"), join(dir, "index")];
  const [building, checkingOut] = [join(dir, "building"), join(dir, "checking-out")];
  await mkdir(source, { recursive: true });
  await mkdir(objects, { recursive: true });
  await mkdir(locks, { recursive: true });
  const lock = await lockFile(join(locks, name), {
    within: timeouts.make.kernel,
    signal,
    onWait: () =>
      context.progress({ type: "note", text: "another dstate builds from the same tree; waiting for it" }),
  });
  try {
    const git = await privateGit({ tree: facts.tree, source, index, lock, signal });
    const begun = await stat(building).catch(() => undefined);
    if (begun) await removeNewer(objects, begun.mtimeMs);
    await writeFile(building, "");
    return {
      source,
      objects,
      isUsed: await exists(join(objects, guestPlatform.kernelBuild.image)),
      lock,
      checkOut: async (commit, abort) => {
        const wasCutShort = await exists(checkingOut);
        await writeFile(checkingOut, commit);
        await rm(`${index}.lock`, { force: true });
        await git(["read-tree", "--reset", "-u", commit], abort);
        if (wasCutShort) await git(["clean", "-ffdxq"], abort);
        await rm(checkingOut);
      },
      clean: async () => {
        await rm(objects, { recursive: true, force: true });
        await mkdir(objects);
      },
      keep: async () => await rm(building, { force: true }),
      [Symbol.asyncDispose]: async () => await lock[Symbol.asyncDispose](),
    };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** git with the user's objects, and a work tree and an index of ours. */
async function privateGit(options: {
  tree: string;
  source: string;
  index: string;
  lock: Lock;
  signal: AbortSignal;
}): Promise<(argv: readonly string[], signal: AbortSignal) => Promise<void>> {
  const { source, index } = options;
  const inherit = [options.lock.descriptor];
  const where = ["git", "-C", resolve(options.tree), "rev-parse", "--absolute-git-dir"];
  const gitDir = (await command(where, { within: timeouts.host.ask, signal: options.signal })).stdout.trim();
  // What the user has set for their own work tree is not for ours: all files, and none of their hooks.
  const settings = [
    "core.bare=false",
    "core.sparseCheckout=false",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.hooksPath=/dev/null",
  ].flatMap((setting) => ["-c", setting]);
  return async (argv, signal) => {
    await command(
      [
        "env",
        `GIT_INDEX_FILE=${index}`,
        "git",
        `--git-dir=${gitDir}`,
        `--work-tree=${source}`,
        ...settings,
        ...argv,
      ],
      { within: timeouts.make.checkOut, signal, cwd: source, inherit },
    );
  };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/**
 * Remove every file of a folder that was written at a time or later.
 *
 * @param since milliseconds since 1970.
 */
async function removeNewer(dir: string, since: number): Promise<void> {
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const found = await stat(path).catch(() => undefined);
    // Timestamps of files are those of the kernel's last tick.
    if (!found || found.mtimeMs >= since - 20) await rm(path, { force: true });
  }
}

/**
 * The compiler's launcher, where ccache is installed: going back to a commit then costs little even where a
 * header that everything includes has changed.
 *
 * @see https://ccache.dev/manual/latest.html
 */
export async function compilerCache(context: Context): Promise<CompilerCache | undefined> {
  try {
    await command(["ccache", "--version"], { within: timeouts.host.ask, signal: context.signal });
  } catch {
    context.signal.throwIfAborted();
    return undefined;
  }
  return { program: "ccache", dir: join(context.settings.cacheDir, "ccache") };
}
