import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import type { Context } from "../../src/index.ts";
import { toolchain } from "../../src/kernel/build.ts";
import type { KernelAbout } from "../../src/kernel/kernel.ts";
import { listKernels } from "../../src/kernel/list.ts";
import { selectorsOnHand } from "../../src/kernel/on-hand.ts";
import { kernelStore } from "../../src/kernel/stored.ts";
import {
  findInTrees,
  releasesOfTree,
  treeReleases,
  versionOfMakefile,
} from "../../src/kernel/tree-releases.ts";

const { signal } = new AbortController();

/** The first lines of a kernel's Makefile. */
function makefile(version: string): string {
  const [, major, minor, patch = "0", extra = ""] = /^(\d+)\.(\d+)(?:\.(\d+))?(-\w+)?$/.exec(version) ?? [];
  return `# SPDX\nVERSION = ${major}\nPATCHLEVEL = ${minor}\nSUBLEVEL = ${patch}\nEXTRAVERSION =${extra && ` ${extra}`}\nNAME = x\n`;
}

describe("the release that a Makefile says it is", () => {
  test.each([
    ["6.6.58", "6.6.58"],
    ["6.6", "6.6"],
    ["6.7-rc1", "6.7-rc1"],
    ["6.6.58-vendor", undefined],
  ])("%s is read as %s", (version, read) => {
    expect(versionOfMakefile(makefile(version))).toBe(read);
  });

  test("of anything else is none", () => {
    expect(versionOfMakefile("all:\n\techo VERSION\n")).toBeUndefined();
  });
});

describe("a git tree as a place of releases", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
    onTestFinished(async () => await rm(dir, { recursive: true }));
  });

  const git = (tree: string, ...argv: string[]): string => {
    const identity = ["-c", "user.name=a", "-c", "user.email=a@example.test"];
    const made = spawnSync("git", ["-C", tree, ...identity, ...argv], { encoding: "utf8" });
    if (made.status !== 0) throw new Error(made.stderr);
    return made.stdout.trim();
  };
  const newTree = async (name: string): Promise<string> => {
    const tree = join(dir, name);
    await mkdir(tree);
    git(tree, "init", "-q", "-b", "main");
    return tree;
  };
  const commit = async (tree: string, version: string, subject: string): Promise<string> => {
    await writeFile(join(tree, "Makefile"), makefile(version));
    git(tree, "add", "Makefile");
    git(tree, "commit", "-q", "--allow-empty", "-m", subject);
    return git(tree, "rev-parse", "HEAD");
  };
  const contextOf = (trees: string): Context => ({
    settings: readSettings(
      { DSTATE_KERNEL_TREE: trees, DSTATE_CACHE: join(dir, "cache"), PATH: process.env.PATH },
      dir,
    ),
    progress: silent,
    signal,
  });

  test("has those that its tags name, be they annotated or not, the oldest first", async () => {
    const tree = await newTree("tagged");
    const old = await commit(tree, "6.6.9", "Linux 6.6.9");
    git(tree, "tag", "v6.6.9");
    const young = await commit(tree, "6.6.10", "Linux 6.6.10");
    git(tree, "tag", "-a", "-m", "Linux 6.6.10", "v6.6.10");
    git(tree, "tag", "v6.6.10-vendor1");
    git(tree, "tag", "v2.6.11-tree");
    await commit(tree, "6.6.11", "Linux 6.6.11");
    expect(await releasesOfTree(tree, signal)).toEqual([
      { version: "6.6.9", tree, commit: old, name: "v6.6.9" },
      { version: "6.6.10", tree, commit: young, name: "v6.6.10" },
    ]);
  });

  test("has, without tags, those commits that raise the Makefile's version, whatever lies between them", async () => {
    const tree = await newTree("plain");
    const first = await commit(tree, "6.6", "linux 6.6.0");
    const second = await commit(tree, "6.6.1", "up to 6.6.1");
    await commit(tree, "6.6.1", "a patch of somebody else's");
    const broken = await commit(tree, "6.6.2", "up to 6.6.2");
    await commit(tree, "6.6.1", 'Revert "up to 6.6.2"');
    const again = await commit(tree, "6.6.2", "up to 6.6.2");
    const bare = join(dir, "bare.git");
    git(dir, "clone", "-q", "--bare", tree, bare);
    for (const place of [tree, bare]) {
      const found = await releasesOfTree(place, signal);
      expect(found.map(({ version, commit }) => [version, commit])).toEqual([
        ["6.6", first],
        ["6.6.1", second],
        ["6.6.2", again],
      ]);
      expect(found.map(({ commit }) => commit)).not.toContain(broken);
    }
  });

  test("claims no release for the end of a shallow clone that does not name one", async () => {
    const tree = await newTree("deep");
    await commit(tree, "6.6.1", "up to 6.6.1");
    await commit(tree, "6.6.2", "up to 6.6.2");
    await writeFile(join(tree, "fix.c"), "");
    git(tree, "add", ".");
    git(tree, "commit", "-q", "-m", "fix something");
    const versionsAt = async (depth: number): Promise<string[]> => {
      const clone = join(dir, `depth-${depth}`);
      git(dir, "clone", "-q", `--depth=${depth}`, `file://${tree}`, clone);
      return (await releasesOfTree(clone, signal)).map(({ version }) => version);
    };
    expect(await versionsAt(1)).toEqual([]);
    expect(await versionsAt(2)).toEqual(["6.6.2"]);
  });

  test("has none when it has no commits yet", async () => {
    expect(await releasesOfTree(await newTree("empty"), signal)).toEqual([]);
  });

  test("is one of several: the first that has a release is taken, and all of them are listed", async () => {
    const [one, two] = [await newTree("one"), await newTree("two")];
    await commit(one, "6.6.1", "up to 6.6.1");
    const here = await commit(one, "6.6.2", "up to 6.6.2");
    await commit(two, "6.6.2", "Linux 6.6.2");
    git(two, "tag", "v6.6.2");
    await commit(two, "6.6.3", "Linux 6.6.3");
    git(two, "tag", "v6.6.3");
    const context = contextOf("one:two");
    expect((await treeReleases(context)).map(({ version }) => version)).toEqual(["6.6.1", "6.6.2", "6.6.3"]);
    expect(await findInTrees("6.6.2", context)).toMatchObject({ tree: one, commit: here });
    expect(await findInTrees("6.6.3", context)).toMatchObject({ tree: two, name: "v6.6.3" });
    expect(await findInTrees("6.6.4", context)).toBeUndefined();
    const listed = (await listKernels(context)).releases.filter(({ version }) => version.startsWith("6.6."));
    expect(listed.map(({ version, source }) => `${version}: ${source}`)).toContain(
      `6.6.3: the git tree ${two}, v6.6.3`,
    );
    // Nix has it as well; ranges and maps know what is named by its version alone.
    expect(listed.find(({ version }) => version === "6.6.58")?.selector).toBe("6.6.58");
  });

  test("makes a release one that needs no build once its commit was built, by this host's compiler", async () => {
    const tree = await newTree("built");
    const [here, foreign] = [await commit(tree, "6.6.1", "one"), await commit(tree, "6.6.2", "two")];
    const last = await commit(tree, "6.6.3", "three");
    for (const [index, id] of [here, foreign, last].entries()) git(tree, "tag", `v6.6.${index + 1}`, id);
    const context = contextOf(tree);
    const store = async (key: string, about: Pick<KernelAbout, "selector" | "compiler">): Promise<void> => {
      await kernelStore(context).findOrMake(key, { within: "10s", signal }, async (folder) => {
        await writeFile(join(folder, "vmlinux"), key);
        return { kind: "git", version: "6.6.1", boot: "vmlinux", provenance: "a test", ...about };
      });
    };
    const compiler = await toolchain(signal);
    await store("one", { selector: `git:${tree}@${here}`, compiler });
    await store("two", { selector: `git:${tree}@${foreign}`, compiler: "gcc of another host" });
    await store("old", { selector: "6.1.5" });
    const onHand = await selectorsOnHand(context);
    const asked = ["6.6.1", `git:${tree}@${here}`, "6.1.5", "6.6.2", `git:${tree}@${foreign}`, "6.6.3"];
    expect(asked.map((selector) => onHand.has(selector))).toEqual([true, true, true, false, false, false]);
  });

  test("whose tag lies is refused with what its Makefile says", async () => {
    const tree = await newTree("lies");
    await commit(tree, "6.6.57", "Linux 6.6.57");
    git(tree, "tag", "v6.6.58");
    await expect(findInTrees("6.6.58", contextOf(tree))).rejects.toThrow(
      "is not Linux 6.6.58: its Makefile says 6.6.57",
    );
  });

  test("that is none is the user's mistake", async () => {
    const found = treeReleases(contextOf(join(dir, "nowhere")));
    await expect(found).rejects.toThrow(UsageError);
    await expect(found).rejects.toThrow("DSTATE_KERNEL_TREE names");
  });
});
