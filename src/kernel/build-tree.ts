import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { type Lock, lockFile } from "../base/lock.ts";
import { keyOf } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";
import type { CompilerCache } from "./build.ts";
import { parseFragment } from "./configuration.ts";
import { MissingObjectsError, privateGit } from "./private-git.ts";
import { sparsePatterns } from "./sparse.ts";

/** What makes two builds share a tree: everything that would compile every file anew. */
export interface BuildTreeFacts {
  /** The user's git tree. */
  readonly tree: string;
  /** Its options as text. */
  readonly configuration: string;
  readonly compiler: string;
}

/** Where the build tree of these facts is, or would be: `source` and `objects` are in it. */
export function buildTreeDir(facts: BuildTreeFacts, { settings }: Pick<Context, "settings">): string {
  // Not "build-trees", where earlier versions build: their lock is another one, and they might hold it.
  return join(settings.cacheDir, "kernel-trees", keyOf({ ...facts, tree: resolve(facts.tree) }));
}

/** A work tree and an object folder of our own, held for one build. */
export interface BuildTree extends AsyncDisposable {
  readonly source: string;
  readonly objects: string;
  /** Whether objects of an earlier commit are there. */
  readonly isUsed: boolean;
  /** Held while it is open, and by what builds in it. */
  readonly lock: Lock;
  /** Whether files were left out of the checkout that {@link fill} would bring. */
  leavesOut(signal: AbortSignal): Promise<boolean>;
  /**
   * Bring the work tree to a commit; only files that differ are written, so that make sees what changed.
   *
   * @returns which of the files that a build may read the user's tree does not have.
   */
  checkOut(commit: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Leave nothing out from now on. */
  fill(commit: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Run git in the work tree, with its index: the next checkout takes back what it changes. */
  git(argv: readonly string[], input: Buffer, signal: AbortSignal): Promise<void>;
  /** Forget all objects. */
  clean(): Promise<void>;
  /** Trust what was built since the tree was opened. */
  keep(): Promise<void>;
}

/**
 * Open the build tree for commits of a user's git tree. Objects stay for the next commit, whose build then
 * compiles only what differs. The user's own work tree, index and HEAD are never touched: git is given those of
 * ours. Folders that no build of this configuration is expected to read are left out.
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
  const dir = buildTreeDir(facts, context);
  const [locks, name] = [join(dirname(dir), ".locks"), basename(dir)];
  const at = (name: string): string => join(dir, name);
  const [source, objects, index, gitDir] = [at("source"), at("objects"), at("index"), at("git")];
  const [building, checkingOut, whole] = [at("building"), at("checking-out"), at("whole")];
  await mkdir(locks, { recursive: true });
  const lock = await lockFile(join(locks, name), {
    within: timeouts.make.kernel,
    signal,
    onWait: () =>
      context.progress({ type: "note", text: "another dstate builds from the same tree; waiting for it" }),
  });
  try {
    // Behind the lock: until then somebody may be removing an old one.
    await mkdir(source, { recursive: true });
    await mkdir(objects, { recursive: true });
    const git = await privateGit({ tree: facts.tree, source, index, gitDir, lock, signal });
    const options = parseFragment(facts.configuration);
    let isSparse = !(await exists(whole));
    const checkOut = async (commit: string, abort: AbortSignal): Promise<readonly string[]> => {
      const wasCutShort = await exists(checkingOut);
      await writeFile(checkingOut, commit);
      await rm(`${index}.lock`, { force: true });
      const wanted = { options, build: guestPlatform.kernelBuild, whole: !isSparse };
      let missing: readonly string[] = [];
      try {
        await git.checkOut(commit, sparsePatterns(wanted), abort);
      } catch (error) {
        if (!(error instanceof MissingObjectsError)) throw error;
        missing = error.paths;
        await git.checkOut(commit, sparsePatterns({ ...wanted, missing }), abort);
      }
      if (wasCutShort) await git.clean(abort);
      await rm(checkingOut);
      return missing;
    };
    const begun = await stat(building).catch(() => undefined);
    if (begun) await removeNewer(objects, begun.mtimeMs);
    await writeFile(building, "");
    return {
      source,
      objects,
      isUsed: await exists(join(objects, guestPlatform.kernelBuild.image)),
      lock,
      git: async ([verb = "", ...rest], input, abort) =>
        await git.run([verb, "--index", ...rest], input, abort),
      leavesOut: async (abort) => isSparse && (await git.leavesOut(abort)),
      checkOut,
      fill: async (commit, abort) => {
        await writeFile(whole, "");
        isSparse = false;
        return await checkOut(commit, abort);
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
  const dir = join(context.settings.cacheDir, "ccache");
  // Which headers were read is what the compiler says, and not a run of the preprocessor before each compilation: that
  // was a fifth of a build, and found nothing that this does not, unless a header changed in its comments alone.
  return { program: "ccache", env: { CCACHE_DIR: dir, CCACHE_DEPEND: "1" } };
}
