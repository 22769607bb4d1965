import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { broughtBy, commitCandidates } from "../../src/campaign/bisect/candidates.ts";
import { mergeNoOps, noOpCommits, withoutCommits } from "../../src/campaign/bisect/no-op.ts";
import { dependencies } from "../../src/kernel/compiled-files.ts";

const cell = { kernel: "", node: undefined, env: {}, image: "debian", axes: {} } as const;

describe("a commit changes nothing of a kernel", () => {
  const compiled = new Set(["kernel/fork.c", "include/linux/fs.h", "arch/arm/shared.c"]);
  const there = new Set([
    "kernel/fork.c",
    "include/linux/fs.h",
    "drivers/gpu/x.c",
    "drivers/net/y.c",
    "net/table.tbl",
    "fs/nfs/a.c",
  ]);
  const isNoOp = (paths: readonly string[], ...more: readonly (readonly string[])[]): boolean =>
    noOpCommits(
      { touched: new Map([["a", paths], ...more.map((list, at) => [`${at}`, list] as const)]), there },
      compiled,
    ).has("a");

  test.each([
    ["a driver that is not compiled", ["drivers/gpu/x.c"]],
    ["documentation", ["Documentation/x.rst", "MAINTAINERS"]],
    ["a test of the kernel's own", ["tools/testing/selftests/x/Makefile"]],
    [
      "another architecture",
      ["arch/arm64/Makefile", "arch/arm/boot/dts/x.dts", "arch/loongarch/kernel/gone.c"],
    ],
  ])("that touches only %s", (_, paths) => {
    expect(isNoOp(paths)).toBe(true);
  });

  test.each([
    ["a file that is compiled", ["kernel/fork.c"]],
    ["a header that is included", ["include/linux/fs.h", "drivers/gpu/x.c"]],
    ["a file that is gone at the end of the range", ["drivers/gpu/gone.c"]],
    ["what is compiled", ["drivers/gpu/Kconfig"]],
    ["a file that nobody keeps a record of", ["net/table.tbl"]],
    ["nothing, as a merge does", []],
    ["its own architecture's Makefile", ["arch/x86/Makefile"]],
    ["rules of user-mode Linux, which others read", ["arch/um/scripts/Makefile.rules"]],
    ["another architecture's Kconfig", ["arch/arm64/Kconfig"]],
    ["another architecture's file that is compiled all the same", ["arch/arm/shared.c"]],
  ])("but not one that touches %s", (_, paths) => {
    expect(isNoOp(paths)).toBe(false);
  });

  test("but not one in a folder where something else in the range decides what is compiled", () => {
    expect(isNoOp(["drivers/net/y.c"], ["drivers/net/Makefile"])).toBe(false);
    expect(isNoOp(["drivers/net/y.c"], ["Makefile"])).toBe(true);
    expect(isNoOp(["fs/nfs/a.c"], ["fs/Kconfig"])).toBe(false);
  });
});

test("what Kbuild writes down of an object is its source and every header", () => {
  const text = `savedcmd_init/main.o := gcc -c -o init/main.o /src/init/main.c

source_init/main.o := /src/init/main.c

deps_init/main.o := \\
    $(wildcard include/config/SMP) \\
  /src/include/linux/kernel.h \\
  include/generated/autoconf.h \\

init/main.o: $(deps_init/main.o)
`;
  expect(dependencies(text)).toEqual([
    "/src/init/main.c",
    "/src/include/linux/kernel.h",
    "include/generated/autoconf.h",
  ]);
});

test("commits after one that is left out follow its parent; ends and merges stay", () => {
  const parents = [[], [0], [1], [0], [2, 3], [4]];
  const candidates = parents.map((list, index) => ({ name: `${index}`, detail: "", cell, parents: list }));
  const kept = withoutCommits(candidates, ({ name }) => ["0", "1", "4", "5"].includes(name));
  expect(kept.map(({ name, parents: list }) => [name, list])).toEqual([
    ["0", []],
    ["2", [0]],
    ["3", [0]],
    ["4", [1, 2]],
    ["5", [3]],
  ]);
});

describe("a range of a tree", () => {
  let tree: string;
  const context = { settings: readSettings(), progress: silent, signal: new AbortController().signal };
  beforeAll(async () => {
    tree = await mkdtemp(join(tmpdir(), "dstate-no-op-"));
    const script = `
      git init -q -b main . && git config user.name t && git config user.email t@example.org
      mkdir -p kernel drivers Documentation
      commit() { echo "$1" >> "$1"; git add -A; git commit -qm "$1"; }
      commit kernel/fork.c; commit drivers/x.c; commit Documentation/a.rst
      commit drivers/x.c; commit kernel/fork.c; commit drivers/x.c`;
    await command(["sh", "-ec", script], { within: "60s", cwd: tree });
  });
  afterAll(async () => await rm(tree, { recursive: true, force: true }));

  test("is shortened to what the configuration compiles, before the first trial", async () => {
    const ends = { left: "HEAD~5", right: "HEAD" };
    const candidates = await commitCandidates(tree, ends, cell, context);
    const compiled = { files: new Set(["kernel/fork.c"]), version: "6.1.1" };
    const { candidates: kept, merged } = await mergeNoOps(candidates, tree, compiled, context);
    expect(kept.map(({ detail }) => detail)).toEqual(["the left end", "kernel/fork.c", "drivers/x.c"]);
    expect(kept.map(({ parents }) => parents)).toEqual([[], [0], [1]]);
    expect(merged).toBe(3);
  });
});

describe("a long history with merges", () => {
  let tree: string;
  const context = { settings: readSettings(), progress: silent, signal: new AbortController().signal };
  const git = async (...argv: string[]): Promise<string> =>
    (await command(["git", "-C", tree, ...argv], { within: "10s" })).stdout.trim();
  beforeAll(async () => {
    tree = await mkdtemp(join(tmpdir(), "dstate-merges-"));
    const script = `
      git init -q -b main . && git config user.name t && git config user.email t@example.org
      commit() { echo "$1" >> "$1"; git add -A; git commit -qm "$1"; }
      commit base; git branch start
      git checkout -q -b net; commit net1; commit net2
      git checkout -q main; commit main1; git merge -q --no-ff -m "merge net" net
      git checkout -q -b mm start; commit mm1
      git checkout -q main; git merge -q --no-ff -m "merge mm" mm; commit main2`;
    await command(["sh", "-ec", script], { within: "60s", cwd: tree });
  });
  afterAll(async () => await rm(tree, { recursive: true, force: true }));

  test("is first the right end's own line, in a row, each merge standing for what it brought", async () => {
    const ends = { left: "start", right: "main" };
    const whole = await commitCandidates(tree, ends, cell, context);
    expect(whole).toHaveLength(8);
    const line = await commitCandidates(tree, ends, cell, context, { mostWithMerges: 3 });
    expect(line.map(({ detail }) => detail)).toEqual([
      "the left end",
      "main1",
      "merge net",
      "merge mm",
      "main2",
    ]);
    expect(line.map(({ parents }) => parents)).toEqual([[], [0], [1], [2], [3]]);
  });

  test("goes on with what the merge brought that was found, and with nothing where none was", async () => {
    const merge = await git("rev-parse", "main~2");
    const inside = await broughtBy(merge, tree, context);
    if (!inside) throw new Error("it is a merge");
    const brought = await commitCandidates(tree, inside, cell, context);
    expect(brought.map(({ detail }) => detail)).toEqual(["the left end", "net1", "net2", "merge net"]);
    expect(brought.map(({ parents }) => parents)).toEqual([[], [0], [1], [0, 2]]);
    expect(await broughtBy(await git("rev-parse", "main"), tree, context)).toBeUndefined();
  });

  test("in a row is never cut short", async () => {
    const row = await commitCandidates(tree, { left: "start", right: "net" }, cell, context, {
      mostWithMerges: 1,
    });
    expect(row.map(({ detail }) => detail)).toEqual(["the left end", "net1", "net2"]);
  });
});
