import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import type { ProgressEvent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { type BuildTree, openBuildTree } from "../../src/kernel/build-tree.ts";
import { resolveCommit } from "../../src/kernel/git-tree.ts";
import { provideKernel } from "../../src/kernel/provide.ts";

const { signal } = new AbortController();
const haveGit = spawnSync("git", ["--version"]).status === 0;

describe.runIf(haveGit)("a commit of a git tree", () => {
  let dir = "";
  let tree = "";
  const git = (...argv: string[]): string => {
    const identity = ["-c", "user.name=a", "-c", "user.email=a@example.test"];
    const made = spawnSync("git", ["-C", tree, ...identity, ...argv], { encoding: "utf8" });
    if (made.status !== 0) throw new Error(made.stderr);
    return made.stdout.trim();
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
    onTestFinished(async () => await rm(dir, { recursive: true }));
    tree = join(dir, "linux");
    await mkdir(join(tree, "kernel"), { recursive: true });
    await writeFile(join(tree, "kernel/fork.c"), "one\n");
    git("init", "-q", "-b", "main");
    git("add", ".");
    git("commit", "-q", "-m", "one");
    git("tag", "v1");
    await writeFile(join(tree, "kernel/fork.c"), "two\n");
    git("commit", "-q", "-a", "-m", "two");
  });

  test("is found by tag, branch and distance", async () => {
    const first = git("rev-parse", "v1");
    expect(await resolveCommit(tree, "v1", signal)).toBe(first);
    expect(await resolveCommit(tree, "main~1", signal)).toBe(first);
  });

  test.each(["v2", "main~9", "v1:kernel/fork.c"])(
    "that does not exist (%s) is the user's mistake",
    async (revision) => {
      await expect(resolveCommit(tree, revision, signal)).rejects.toThrow(UsageError);
    },
  );

  test("of a folder that is no git tree is the user's mistake", async () => {
    await expect(resolveCommit(join(dir, "nowhere"), "main", signal)).rejects.toThrow(UsageError);
  });

  test("is checked out and built under the name that the user gave it, with what that will take", async () => {
    const events: ProgressEvent[] = [];
    const settings = readSettings(
      { DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs"), PATH: process.env.PATH },
      dir,
    );
    const provided = provideKernel(
      { type: "git", tree, revision: "v1" },
      { settings, signal, progress: (event) => void events.push(event) },
    );
    const name = `git:linux@v1 (${git("rev-parse", "v1").slice(0, 12)})`;
    // It has no Makefile.
    await expect(provided).rejects.toThrow(`Linux ${name} could not be built`);
    expect(events.filter(({ type }) => type === "start")).toMatchObject([
      { title: `check out ${name}` },
      { title: `build Linux ${name}`, expected: { measured: 0 } },
    ]);
  });

  const open = async (configuration = "CONFIG_A=y\n"): Promise<BuildTree> => {
    const settings = readSettings({ DSTATE_CACHE: join(dir, "cache") }, dir);
    const facts = { tree, configuration, compiler: "gcc" };
    return await openBuildTree(facts, { settings, signal, progress: () => {} });
  };

  test("is checked out as it was, while unsaved work in the user's tree and its index stay as they are", async () => {
    await writeFile(join(tree, "kernel/fork.c"), "unsaved\n");
    await writeFile(join(tree, "kernel/new.c"), "staged\n");
    git("add", "kernel/new.c");
    const before = [git("status", "--porcelain"), git("rev-parse", "--symbolic-full-name", "HEAD")];
    await using build = await open();
    await build.checkOut(git("rev-parse", "v1"), signal);
    expect(await readFile(join(build.source, "kernel/fork.c"), "utf8")).toBe("one\n");
    expect(await readdir(join(build.source, "kernel"))).toEqual(["fork.c"]);
    expect([git("status", "--porcelain"), git("rev-parse", "--symbolic-full-name", "HEAD")]).toEqual(before);
    expect(await readFile(join(tree, "kernel/fork.c"), "utf8")).toBe("unsaved\n");
  });

  describe("has only what a build reads", () => {
    /** Paths of the files that a checkout wrote. */
    const written = async (build: BuildTree): Promise<string[]> =>
      (await readdir(build.source, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(build.source.length + 1))
        .sort();
    const add = async (...paths: string[]): Promise<string> => {
      for (const path of paths) {
        await mkdir(dirname(join(tree, path)), { recursive: true });
        await writeFile(join(tree, path), `${path}\n`);
      }
      git("add", ".");
      git("commit", "-q", "-m", "add");
      return git("rev-parse", "HEAD");
    };
    const read = [
      "arch/Kconfig",
      "arch/arm/crypto/Kconfig",
      "arch/x86/entry.c",
      "drivers/gpu/drm/Kconfig",
      "drivers/gpu/drm/Makefile",
    ];
    const unread = [
      "Documentation/a.rst",
      "arch/arm/Makefile",
      "drivers/gpu/drm/huge.h",
      "tools/perf/Makefile",
    ];

    test("checked out, from a bare tree and a linked one as well", async () => {
      const commit = await add(...read, ...unread);
      const user = tree;
      const bare = join(dir, "bare.git");
      const linked = join(dir, "linked");
      git("clone", "-q", "--bare", user, bare);
      git("worktree", "add", "-q", linked, "v1");
      for (const place of [user, bare, linked]) {
        tree = place;
        await using build = await open();
        expect(await build.checkOut(commit, signal)).toEqual([]);
        expect(await written(build)).toEqual([...read, "kernel/fork.c"]);
      }
    });

    test("checked out, and all of it where an option wants it", async () => {
      const commit = await add(...read, ...unread);
      await using build = await open("CONFIG_DRM=y\n");
      await build.checkOut(commit, signal);
      expect(await written(build)).toContain("drivers/gpu/drm/huge.h");
    });

    test("checked out, so that a tree without the rest will do; what is read and not there is told", async () => {
      const commit = await add(...read, ...unread, "arch/x86/[lost] *.c");
      const lose = async (path: string): Promise<void> => {
        const id = git("rev-parse", `${commit}:${path}`);
        await rm(join(tree, ".git/objects", id.slice(0, 2), id.slice(2)));
      };
      await lose("drivers/gpu/drm/huge.h");
      await using build = await open();
      expect(await build.checkOut(commit, signal)).toEqual([]);
      await lose("arch/x86/[lost] *.c");
      await rm(join(build.source, "arch"), { recursive: true });
      await using other = await open("CONFIG_B=y\n");
      expect(await other.checkOut(commit, signal)).toEqual(["arch/x86/[lost] *.c", "drivers/gpu/drm/huge.h"]);
      expect(await written(other)).toEqual([...read, "kernel/fork.c"]);
    });

    test("fetched into a partial clone; one that cannot fetch is told from a broken tree", async () => {
      const commit = await add(...read, ...unread);
      git("config", "uploadpack.allowFilter", "true");
      git("config", "uploadpack.allowAnySHA1InWant", "true");
      const [user, clone] = [tree, join(dir, "partial.git")];
      git("clone", "-q", "--bare", "--filter=blob:none", `file://${user}`, clone);
      tree = clone;
      {
        await using build = await open();
        await build.checkOut(commit, signal);
        expect(await written(build)).toEqual([...read, "kernel/fork.c"]);
      }
      const lacking = git("rev-list", "--objects", "--all", "--missing=print").match(/^\?/gm);
      expect(lacking?.length).toBeGreaterThanOrEqual(unread.length);
      await rename(user, `${user}-moved`);
      await using build = await open("CONFIG_DRM=y\n");
      await expect(build.checkOut(commit, signal)).rejects.toThrow("is a partial clone, and what it lacks");
    });

    test("checked out first, and the rest when a build fails for want of it", async () => {
      await writeFile(
        join(tree, "Makefile"),
        [
          "allnoconfig:",
          "\tmkdir -p $(O)/include/config",
          "\tcp $(KCONFIG_ALLCONFIG) $(O)/.config",
          "\techo 6.6.58 >$(O)/include/config/kernel.release",
          "vmlinux: drivers/usb/core.c",
          "\tcp drivers/usb/core.c $(O)/vmlinux",
          "\ttouch $(O)/System.map",
          "",
        ].join("\n"),
      );
      const commit = await add("drivers/usb/core.c");
      const events: ProgressEvent[] = [];
      const settings = readSettings(
        { DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs"), PATH: process.env.PATH },
        dir,
      );
      const kernel = await provideKernel(
        { type: "git", tree, revision: commit },
        { settings, signal, progress: (event) => void events.push(event) },
      );
      expect(await readFile(kernel.boot, "utf8")).toBe("drivers/usb/core.c\n");
      const name = `git:linux@${commit.slice(0, 12)}`;
      const started = events.flatMap((event) => (event.type === "start" ? [event.title] : []));
      expect(started).toEqual([
        `check out ${name}`,
        `build Linux ${name}`,
        `check out the rest of ${name}`,
        `build Linux ${name}`,
      ]);
    });
  });

  test("leaves files alone that it has in common with the commit before, so that make compiles only the rest", async () => {
    await writeFile(join(tree, "kernel/exit.c"), "same\n");
    await writeFile(join(tree, "kernel/gone.c"), "gone\n");
    git("add", ".");
    git("commit", "-q", "-m", "three");
    const third = git("rev-parse", "HEAD");
    git("rm", "-q", "kernel/gone.c");
    await writeFile(join(tree, "kernel/fork.c"), "four\n");
    git("commit", "-q", "-a", "-m", "four");
    await using build = await open();
    await build.checkOut(third, signal);
    const at = async (name: string): Promise<number> =>
      Number((await stat(join(build.source, "kernel", name), { bigint: true })).mtimeNs);
    const before = [await at("exit.c"), await at("fork.c")];
    await build.checkOut(git("rev-parse", "HEAD"), signal);
    expect((await readdir(join(build.source, "kernel"))).sort()).toEqual(["exit.c", "fork.c"]);
    expect(await at("exit.c")).toBe(before[0]);
    expect(await at("fork.c")).toBeGreaterThan(before[1] ?? 0);
  });

  test("is whole again after a checkout that was cut short", async () => {
    const first = git("rev-parse", "v1");
    {
      await using build = await open();
      await build.checkOut(first, signal);
      await writeFile(join(build.source, "kernel/fork.c"), "o");
      await writeFile(join(build.source, "kernel/other.c"), "of the other commit");
      await writeFile(join(build.source, "../checking-out"), git("rev-parse", "main"));
      await writeFile(join(build.source, "../index.lock"), "");
    }
    await using build = await open();
    await build.checkOut(first, signal);
    expect(await readFile(join(build.source, "kernel/fork.c"), "utf8")).toBe("one\n");
    expect(await readdir(join(build.source, "kernel"))).toEqual(["fork.c"]);
  });

  test("keeps what a build finished, and nothing of what an interrupted one wrote", async () => {
    const old = new Date("2024-01-01T00:00:00Z");
    {
      await using build = await open();
      await writeFile(join(build.objects, "fork.o"), "whole");
      await utimes(join(build.objects, "fork.o"), old, old);
      await build.keep();
    }
    {
      await using build = await open();
      await writeFile(join(build.objects, "exit.o"), "ha");
    }
    await using build = await open();
    expect(await readdir(build.objects)).toEqual(["fork.o"]);
  });

  test("is built by one dstate at a time", async () => {
    const first = await open();
    let isHeld = true;
    const second = open().then((build) => [isHeld, build] as const);
    await first.checkOut(git("rev-parse", "v1"), signal);
    isHeld = false;
    await first[Symbol.asyncDispose]();
    const [wasHeld, build] = await second;
    await build[Symbol.asyncDispose]();
    expect(wasHeld).toBe(false);
  });
});
