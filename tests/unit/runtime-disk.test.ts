import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { writeDisk } from "../../src/runtime/disk.ts";

const { signal } = new AbortController();
const have = ["mke2fs", "debugfs"].every((program) => spawnSync(program, ["-V"]).error === undefined);

describe.runIf(have)("the disk of a runtime", () => {
  let dir = "";
  let to = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-test-"));
    onTestFinished(async () => await rm(dir, { recursive: true }));
    to = join(dir, "disk.ext4");
  });

  async function makeTree(name: string): Promise<string> {
    const tree = join(dir, name);
    await mkdir(join(tree, "bin"), { recursive: true });
    await writeFile(join(tree, "bin/node"), Buffer.alloc(3_000_000, "node"));
    await chmod(join(tree, "bin/node"), 0o755);
    await symlink("node", join(tree, "bin/nodejs"));
    return tree;
  }
  const ask = (request: string): string =>
    spawnSync("debugfs", ["-R", request, to], { encoding: "utf8" }).stdout;

  test("holds the tree, below a folder of root's", async () => {
    await writeDisk({ tree: await makeTree("a"), to, label: "dstate-node", signal });
    expect(ask("stat /bin/node")).toMatch(/Mode:\s+0755/);
    expect(ask("stat /bin/node")).toContain("Size: 3000000");
    expect(ask("stat /bin/nodejs")).toContain('Fast link dest: "node"');
    expect(ask("stat /")).toMatch(/User:\s+0\s+Group:\s+0/);
  });

  test("is found by its label and has no journal to replay", async () => {
    await writeDisk({ tree: await makeTree("a"), to, label: "dstate-node", signal });
    expect(ask("show_super_stats -h")).toMatch(/Filesystem volume name:\s+dstate-node/);
    expect(ask("show_super_stats -h")).not.toContain("has_journal");
  });

  test("is just big enough, and says nothing of when it was unpacked", async () => {
    await writeDisk({ tree: await makeTree("a"), to, label: "dstate-node", signal });
    expect(ask("stat /bin/node")).toMatch(/mtime: 0x00000000/);
    expect(ask("stat /bin")).toMatch(/mtime: 0x00000000/);
    expect((await stat(to)).size).toBeLessThan(40 * 1024 ** 2);
  });
});
