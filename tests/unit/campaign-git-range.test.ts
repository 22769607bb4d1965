import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { releasesInRange } from "../../src/campaign/bisect/git-range.ts";
import { gitRange, isRange } from "../../src/campaign/bisect/range.ts";

const { signal } = new AbortController();
let tree: string;
beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), "dstate-git-range-"));
  const script = `
    git init -q -b main . && git config user.name t && git config user.email t@example.org
    for version in 6.1.9 6.1.10 6.1.11; do git commit -q --allow-empty -m $version; git tag v$version; done`;
  await command(["sh", "-ec", script], { within: "60s", cwd: tree });
});
afterAll(async () => await rm(tree, { recursive: true, force: true }));

test.each([
  [
    "git:/src/linux@v6.1.106..v6.1.115",
    { tree: "/src/linux", ends: { left: "v6.1.106", right: "v6.1.115" } },
  ],
  ["git:../a@b@HEAD~3..HEAD", { tree: "../a@b", ends: { left: "HEAD~3", right: "HEAD" } }],
  ["git:/src/x@v1..git:/src/x@v2", { tree: "/src/x", ends: { left: "v1", right: "v2" } }],
  ["git:../linux@v6.1.106", undefined],
  ["6.1.106..6.1.115", undefined],
  ["file:../x..y", undefined],
])("%s as a range of a tree: %j", (text, range) => {
  expect(gitRange(text)).toEqual(range);
  expect(isRange(text)).toBe(range !== undefined || text === "6.1.106..6.1.115");
});

test("a range between two tags has the releases from one to the other, in their order", async () => {
  const ends = { left: "v6.1.9", right: "v6.1.11" };
  expect(await releasesInRange({ tree, ends }, { signal })).toEqual([
    `git:${tree}@v6.1.9`,
    `git:${tree}@v6.1.10`,
    `git:${tree}@v6.1.11`,
  ]);
});

test("a range with an end that is no release says what to do", async () => {
  await expect(
    releasesInRange({ tree, ends: { left: "v6.1.9", right: "main" } }, { signal }),
  ).rejects.toThrow("main is no release of the tree");
});
