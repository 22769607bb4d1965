import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { formatChanges, type KernelChange, splitChanges } from "../../src/kernel/changes.ts";
import { applyEdits, editedIdentity, plainApply, readEdits } from "../../src/kernel/edits.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import {
  changeKernel,
  formatKernelSelector,
  isFixedSelector,
  parseKernelSelector,
} from "../../src/kernel/selector.ts";
import { sourceOf } from "../../src/kernel/sources/index.ts";
import { chooseCell } from "../../src/lab/cell.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const { signal } = new AbortController();

describe("a selector with changes", () => {
  test.each<[string, string, readonly KernelChange[]]>([
    ["6.1.115", "6.1.115", []],
    ["6.1.115+lockdep", "6.1.115", [{ type: "with", check: "lockdep" }]],
    [
      "6.1.115+kasan+debug",
      "6.1.115",
      [
        { type: "with", check: "kasan" },
        { type: "with", check: "debug" },
      ],
    ],
    [
      `git:/src/linux@v6.1+revert=${commit}+patch=/x/a+b.patch`,
      "git:/src/linux@v6.1",
      [
        { type: "revert", revision: commit },
        { type: "patch", path: "/x/a+b.patch" },
      ],
    ],
    ["deb:6.12.43+deb13", "deb:6.12.43+deb13", []],
    ["6.1.115+gcov", "6.1.115+gcov", []],
  ])("%s is %s with %j", (text, base, changes) => {
    expect(splitChanges(text)).toEqual({ base, changes });
    expect(`${base}${formatChanges(changes)}`).toBe(text);
  });

  test("is read and written back unchanged, in whatever order its changes are", () => {
    const change = fc.oneof(
      fc.constantFrom("+lockdep", "+kasan", "+kcsan", "+debug"),
      fc.constantFrom("+revert=v6.1~2", `+revert=${commit}`),
      fc.constantFrom("+patch=/x/fix.patch", "+patch=./a+b c.diff"),
    );
    const base = fc.constantFrom("6.1.115", "7.3-rc7", "git:/src/linux@v6.1", "git:/a+b@main@{1}");
    fc.assert(
      fc.property(base, fc.array(change, { maxLength: 4 }), (base, changes) => {
        const text = `${base}${changes.join("")}`;
        expect(formatKernelSelector(parseKernelSelector(text))).toBe(text);
      }),
    );
  });

  test.each([
    ["6.1.115+lockdep", true],
    [`6.1.115+revert=${commit}`, true],
    ["6.1.115+revert=v6.1", false],
    ["6.1.115+patch=/x/fix.patch", false],
    [`git:/src/linux@${commit}+kasan`, true],
  ])("%s is the same kernel for ever: %s", (text, fixed) => {
    expect(isFixedSelector(text)).toBe(fixed);
  });

  test("has a name of its own in the ledger, and no place in a row of releases", () => {
    const selector = parseKernelSelector("6.1.115+lockdep");
    expect(sourceOf(selector).nameInLedger(selector)).toBe("6.1.115+lockdep");
    expect(sourceOf(selector).releaseOf(selector)).toBeUndefined();
  });

  test("comes out of a cell's kernel and the changes that are asked for", () => {
    const axes = { kernel: ["6.1.115"] } as const;
    expect(chooseCell(axes, { kernelChanges: "+lockdep" }).kernel).toBe("6.1.115+lockdep");
    expect(chooseCell(axes, { kernel: "6.1.129", kernelChanges: "" }).kernel).toBe("6.1.129");
  });

  test.each(["deb:6.12.43", "file:/boot/vmlinux", "nix:6.6.58"])(
    "of a kernel that is built already (%s) is refused",
    (text) => {
      expect(() => changeKernel(text, "+lockdep")).toThrow(`${text} is built already`);
    },
  );
});

test("without edits a source is what it was; with them it is named by what they hold, in their order", () => {
  const [a, b] = ["a", "b"].map((identity) => ({ title: identity, identity, patch: Buffer.from("") }));
  if (!a || !b) throw new Error("two edits");
  expect(editedIdentity("sha", [])).toBe("sha");
  expect(editedIdentity("sha", [a, b])).not.toBe(editedIdentity("sha", [b, a]));
});

describe("a kernel of a tree", () => {
  let dir = "";
  let tree = "";
  const git = (...argv: string[]): string => {
    const identity = ["-c", "user.name=a", "-c", "user.email=a@example.test"];
    const made = spawnSync("git", ["-C", tree, ...identity, ...argv], { encoding: "utf8" });
    if (made.status !== 0) throw new Error(made.stderr);
    return made.stdout.trim();
  };
  const commitFile = async (name: string, text: string): Promise<string> => {
    await writeFile(join(tree, name), text);
    git("add", ".");
    git("commit", "-q", "-m", name);
    return git("rev-parse", "HEAD");
  };
  // What is built is the text of two files, with the configuration.
  const makefile = [
    "VERSION = 6",
    "PATCHLEVEL = 6",
    "SUBLEVEL = 58",
    "EXTRAVERSION =",
    "allnoconfig:",
    "\tmkdir -p $(O)/include/config",
    "\tcp $(KCONFIG_ALLCONFIG) $(O)/.config",
    "\techo 6.6.58 >$(O)/include/config/kernel.release",
    "vmlinux:",
    "\tcat fork.c exit.c $(wildcard drivers/usb/*.c) >$(O)/vmlinux",
    "\tgrep PROVE_LOCKING $(O)/.config >>$(O)/vmlinux || true",
    "\ttouch $(O)/System.map",
    "",
  ].join("\n");

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
    onTestFinished(async () => await rm(dir, { recursive: true }));
    tree = join(dir, "linux");
    await mkdir(tree, { recursive: true });
    git("init", "-q", "-b", "main");
    await writeFile(join(tree, "Makefile"), makefile);
    await writeFile(join(tree, "fork.c"), "one\ntwo\nthree\n");
    await commitFile("exit.c", "exit\n");
  });

  const provide = async (text: string): Promise<Kernel> => {
    const env = { DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs"), PATH: process.env.PATH };
    const settings = readSettings({ ...env, DSTATE_KERNEL_TREE: tree }, dir);
    return await provideKernel(parseKernelSelector(text), { settings, signal, progress: silent });
  };
  const patch = async (name: string, file: string, from: string, to: string): Promise<string> => {
    const path = join(dir, name);
    await writeFile(path, `--- a/${file}\n+++ b/${file}\n@@ -1 +1 @@\n-${from}\n+${to}\n`);
    return path;
  };
  const textOf = async ({ boot }: Kernel): Promise<string> => await readFile(boot, "utf8");

  test("is built without a commit, with a patch, with a check, and as it is again after that", async () => {
    const bad = await commitFile("fork.c", "one\nTWO\nthree\n");
    const last = await commitFile("new.c", "new\n");
    const fix = await patch("fix.patch", "exit.c", "exit", "leave");
    const plain = await provide(`git:${tree}@${last}`);
    expect(await textOf(plain)).toBe("one\nTWO\nthree\nexit\n");
    const reverted = await provide(`git:${tree}@${last}+revert=${bad}`);
    expect(await textOf(reverted)).toBe("one\ntwo\nthree\nexit\n");
    expect(reverted.provenance).toContain(`without commit ${bad.slice(0, 12)}`);
    const patched = await provide(`git:${tree}@${last}+patch=${fix}`);
    expect(await textOf(patched)).toBe("one\nTWO\nthree\nleave\n");
    const checked = await provide(`git:${tree}@${last}+lockdep`);
    expect(await textOf(checked)).toContain("CONFIG_PROVE_LOCKING=y");
    expect(new Set([plain, reverted, patched, checked].map(({ id }) => id)).size).toBe(4);
    const next = await provide(`git:${tree}@${bad}`);
    expect(await textOf(next)).toBe("one\nTWO\nthree\nexit\n");
  });

  test("is built anew when its patch has changed", async () => {
    const text = `git:${tree}@main+patch=${await patch("fix.patch", "exit.c", "exit", "leave")}`;
    const before = await provide(text);
    await patch("fix.patch", "exit.c", "exit", "go");
    const after = await provide(text);
    expect(after.id).not.toBe(before.id);
    expect(await textOf(after)).toContain("go\n");
  });

  test("may be patched in a folder that is not checked out", async () => {
    await mkdir(join(tree, "drivers/usb"), { recursive: true });
    await commitFile("drivers/usb/core.c", "usb\n");
    const fix = await patch("usb.patch", "drivers/usb/core.c", "usb", "USB");
    expect(await textOf(await provide(`git:${tree}@main+patch=${fix}`))).toContain("USB\n");
  });

  test("is a release of it, named by its version", async () => {
    git("tag", "v6.6.58");
    const bad = await commitFile("fork.c", "one\nTWO\nthree\n");
    git("tag", "v6.6.59");
    const fix = await patch("fix.patch", "exit.c", "exit", "leave");
    await writeFile(join(tree, "Makefile"), makefile.replace("58", "59"));
    git("commit", "-q", "-a", "-m", "Linux 6.6.59");
    git("tag", "-f", "v6.6.59");
    const kernel = await provide(`6.6.59+revert=${bad}+patch=${fix}`);
    expect(kernel.selector).toBe(`6.6.59+revert=${bad}+patch=${fix}`);
    expect(await textOf(kernel)).toBe("one\ntwo\nthree\nleave\n");
  });

  test.each([
    ["+revert=nowhere", "is no git tree with a commit nowhere"],
    ["+revert=main~1", "cannot be taken back: it has no parent here"],
    ["+patch=/nowhere/fix.patch", "the patch /nowhere/fix.patch cannot be read"],
  ])("with %s is the user's mistake", async (changes, message) => {
    await commitFile("new.c", "new\n");
    const provided = provide(`git:${tree}@main${changes}`);
    await expect(provided).rejects.toThrow(UsageError);
    await expect(provided).rejects.toThrow(message);
  });

  test("with a patch that does not fit says where it does not", async () => {
    const fix = await patch("fix.patch", "exit.c", "something else", "leave");
    const provided = provide(`git:${tree}@main+patch=${fix}`);
    await expect(provided).rejects.toThrow(UsageError);
    await expect(provided).rejects.toThrow("patch failed: exit.c:1");
  });
});

describe("a source that was unpacked from an archive", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
    onTestFinished(async () => await rm(dir, { recursive: true }));
    await mkdir(join(dir, "work/source"), { recursive: true });
    await writeFile(join(dir, "work/source/exit.c"), "exit\n");
    // A repository around it is none of its own.
    spawnSync("git", ["init", "-q", dir]);
  });
  const apply = async (text: string): Promise<void> => {
    await writeFile(join(dir, "x.patch"), text);
    const edits = await readEdits([{ type: "patch", path: join(dir, "x.patch") }], undefined, signal);
    await applyEdits(edits, "6.1.129", plainApply(join(dir, "work/source"), signal));
  };

  test("is patched", async () => {
    await apply("--- a/exit.c\n+++ b/exit.c\n@@ -1 +1 @@\n-exit\n+leave\n");
    expect(await readFile(join(dir, "work/source/exit.c"), "utf8")).toBe("leave\n");
  });

  test("is not left by a patch with a path that leads out of it", async () => {
    const out = apply("--- /dev/null\n+++ b/../../../out.c\n@@ -0,0 +1 @@\n+out\n");
    await expect(out).rejects.toThrow(UsageError);
    await expect(readFile(join(dir, "out.c"))).rejects.toThrow();
  });

  test("has no commits that could be taken back", async () => {
    const edits = readEdits([{ type: "revert", revision: commit }], undefined, signal);
    await expect(edits).rejects.toThrow("the source is an archive, which has no commits");
  });
});
