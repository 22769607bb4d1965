import { resolve } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { compareKernelVersions, releasePattern } from "./version.ts";

/** A release that a git tree holds. */
export interface TreeRelease {
  readonly version: string;
  /** The tree's folder. */
  readonly tree: string;
  /** All digits of the commit's id. */
  readonly commit: string;
  /** How the tree calls it: its tag, or the first digits of its commit. */
  readonly name: string;
}

/**
 * The releases that the trees of the settings hold, oldest first. Of a release that several have, the first tree's.
 *
 * @throws {UsageError} when a place that the settings name is no git tree.
 * @example (await treeReleases(context)).map(({ version }) => version) // ["6.6.57", "6.6.58"]
 */
export async function treeReleases(context: Pick<Context, "settings" | "signal">): Promise<TreeRelease[]> {
  const found = new Map<string, TreeRelease>();
  for (const tree of context.settings.kernelTrees) {
    for (const release of await releasesOfTree(tree, context.signal)) {
      if (!found.has(release.version)) found.set(release.version, release);
    }
  }
  return [...found.values()].sort((a, b) => compareKernelVersions(a.version, b.version));
}

/**
 * A release in the first tree of the settings that holds it.
 *
 * @throws {UsageError} when its tag names a commit whose Makefile says another version.
 */
export async function findInTrees(
  version: string,
  context: Pick<Context, "settings" | "signal">,
): Promise<TreeRelease | undefined> {
  const { settings, signal } = context;
  for (const tree of settings.kernelTrees) {
    const releases = await releasesOfTree(tree, signal);
    const found = releases.find((release) => compareKernelVersions(release.version, version) === 0);
    if (!found) continue;
    const show = ["git", "-C", tree, "cat-file", "-p", `${found.commit}:Makefile`];
    const makefile = await command(show, { within: timeouts.host.git, signal }).catch(() => undefined);
    signal.throwIfAborted();
    const said = makefile && versionOfMakefile(makefile.stdout);
    if (said !== undefined && compareKernelVersions(said, version) !== 0) {
      throw new UsageError(`${found.name} of ${tree} is not Linux ${version}: its Makefile says ${said}`, {
        next: `Name the commit that is meant: git:${tree}@REVISION.`,
      });
    }
    return found;
  }
  return undefined;
}

/**
 * The releases that a git tree holds, oldest first: its tags `v6.6.58`; in a tree without any, the commits that raise
 * the version that the Makefile says, as in a tree with one commit a release. The first commit of a history, a shallow
 * clone's for one, has to name the version in its subject too: nobody can see whether it raises it.
 *
 * @throws {UsageError} when there is no such tree.
 * @example await releasesOfTree("/src/linux", signal)
 */
export async function releasesOfTree(tree: string, signal: AbortSignal): Promise<TreeRelease[]> {
  const git = async (argv: readonly string[], input?: string): Promise<string> => {
    const options = { within: timeouts.host.git, signal, install: "Install git." } as const;
    const more = input === undefined ? {} : { input };
    return (await command(["git", "-C", resolve(tree), ...argv], { ...options, ...more })).stdout;
  };
  await git(["rev-parse", "--git-dir"]).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new UsageError(`DSTATE_KERNEL_TREE names ${tree}, which is no git tree`, {
      next: "Name folders of git trees, separated by colons; a bare one will do.",
      cause: error,
    });
  });
  const format = "%(refname:strip=2)%09%(objectname)%09%(*objectname)";
  const tagged = taggedReleases(await git(["for-each-ref", `--format=${format}`, "refs/tags/v*"]));
  const releases = tagged.length > 0 ? tagged : await raisingCommits(git);
  return releases
    .map((release) => ({ ...release, tree }))
    .sort((a, b) => compareKernelVersions(a.version, b.version));
}

type Release = Omit<TreeRelease, "tree">;

/** The releases among tags, from lines of name, object, and what an annotated tag points at. */
function taggedReleases(lines: string): Release[] {
  return lines.split("\n").flatMap((line) => {
    const [name = "", object = "", target = ""] = line.split("\t");
    const version = name.slice(1);
    return releasePattern.test(version) ? [{ version, name, commit: target || object }] : [];
  });
}

async function raisingCommits(
  git: (argv: readonly string[], input?: string) => Promise<string>,
): Promise<Release[]> {
  const order = ["--topo-order", "--reverse", "--format=%H%x09%P%x09%s"];
  const log = await git(["log", "--all", ...order, "--", "Makefile"]);
  const commits = log
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [id = "", parents = "", ...subject] = line.split("\t");
      return { id, parent: parents.split(" ")[0] ?? "", subject: subject.join("\t") };
    });
  if (commits.length === 0) return [];
  const ids = [...new Set(commits.flatMap(({ id, parent }) => (parent === "" ? [id] : [id, parent])))];
  const versions = versionsOf(
    await git(["cat-file", "--batch"], ids.map((id) => `${id}:Makefile\n`).join("")),
    ids,
  );
  const raised = new Map<string, Release>();
  for (const { id, parent, subject } of commits) {
    const version = versions.get(id);
    if (version === undefined) continue;
    const before = versions.get(parent);
    const raises =
      parent === ""
        ? namesVersion(subject, version)
        : before === undefined || compareKernelVersions(before, version) < 0;
    // One that was taken back and made again counts as it was made last.
    if (raises) raised.set(version, { version, commit: id, name: id.slice(0, 12) });
  }
  return [...raised.values()];
}

/** What `git cat-file --batch` printed for the Makefile of each commit, as the versions that they say. */
function versionsOf(printed: string, ids: readonly string[]): Map<string, string> {
  const versions = new Map<string, string>();
  const bytes = Buffer.from(printed);
  let at = 0;
  for (const id of ids) {
    const end = bytes.indexOf("\n", at);
    const [, size] = / blob (\d+)$/.exec(bytes.toString("utf8", at, end)) ?? [];
    at = end + 1;
    if (size === undefined) continue;
    const version = versionOfMakefile(bytes.toString("utf8", at, at + Number(size)));
    if (version !== undefined) versions.set(id, version);
    at += Number(size) + 1;
  }
  return versions;
}

/**
 * The release that a kernel's Makefile says it is; undefined: none of upstream's.
 *
 * @example versionOfMakefile("VERSION = 6\nPATCHLEVEL = 6\nSUBLEVEL = 58\nEXTRAVERSION =\n") // "6.6.58"
 */
export function versionOfMakefile(text: string): string | undefined {
  const fieldOf = (name: string): string | undefined =>
    new RegExp(`^${name} *= *(.*?) *$`, "m").exec(text.slice(0, 4096))?.[1];
  const [major, minor, patch = "", extra = ""] = ["VERSION", "PATCHLEVEL", "SUBLEVEL", "EXTRAVERSION"].map(
    fieldOf,
  );
  const version = `${major}.${minor}${patch === "" || patch === "0" ? "" : `.${patch}`}${extra}`;
  return releasePattern.test(version) ? version : undefined;
}

/** @example namesVersion("up to 6.6.58", "6.6.58") // true */
function namesVersion(subject: string, version: string): boolean {
  const words = subject.split(/[^0-9a-z.-]+/i).map((word) => word.replace(/^v|\.+$/g, ""));
  return words.includes(version) || words.includes(`${version}.0`);
}
