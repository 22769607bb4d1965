import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { exportCommit, resolveCommit } from "../../src/kernel/git-tree.ts";

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

  test("is exported as it was, while unsaved work in the tree and its index stay as they are", async () => {
    await writeFile(join(tree, "kernel/fork.c"), "unsaved\n");
    await writeFile(join(tree, "kernel/new.c"), "staged\n");
    git("add", "kernel/new.c");
    const before = git("status", "--porcelain");
    const to = join(dir, "out", "source");
    await exportCommit({ tree, commit: git("rev-parse", "v1"), to, signal });
    expect(await readFile(join(to, "kernel/fork.c"), "utf8")).toBe("one\n");
    expect(await readdir(join(to, "kernel"))).toEqual(["fork.c"]);
    expect(await readdir(join(dir, "out"))).toEqual(["source"]);
    expect(git("status", "--porcelain")).toBe(before);
    expect(await readFile(join(tree, "kernel/fork.c"), "utf8")).toBe("unsaved\n");
  });
});
