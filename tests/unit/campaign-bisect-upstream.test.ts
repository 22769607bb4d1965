import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import {
  firstOfEachLine,
  fixedCommits,
  followUpstream,
  upstreamCommit,
} from "../../src/campaign/bisect/upstream.ts";

const id = "8d09a88ef9d3cb7d21d45c39b7b7c31298d23998";
const context = { settings: readSettings(), progress: silent, signal: new AbortController().signal };
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-upstream-"));
  const script = `
    git init -q -b main tree && cd tree
    git config user.name t && git config user.email t@example.org
    commit() { git commit -q --allow-empty -m "$1" && git tag "$2"; }
    commit "Linux 6.1.112" v6.1.112
    git branch 6.6
    commit "mend it

commit ${id} upstream.

Fixes: 93fa1bb31a2c ('break it')" a-copy
    commit "Linux 6.1.113" v6.1.113
    commit "Revert, which names ${id}" v6.1.114
    commit "made here" v6.1.115
    git checkout -q 6.6
    commit "Linux 6.6.57" v6.6.57
    commit "mend it

[ Upstream commit ${id} ]" other-copy
    commit "Linux 6.6.58" v6.6.58`;
  await command(["sh", "-ec", script], { within: "60s", cwd: dir });
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

describe("a commit of a stable tree", () => {
  test("is followed to mainline's, and to the first release of each line that carries it", async () => {
    const tree = join(dir, "tree");
    expect(await followUpstream("a-copy", [tree], context)).toEqual({
      commit: id,
      fixes: ["93fa1bb31a2c"],
      releases: ["6.1.113", "6.6.58"],
      trees: [tree],
    });
  });

  test("that was made for the stable tree alone leads nowhere", async () => {
    expect(await followUpstream("v6.1.115", [join(dir, "tree")], context)).toBeUndefined();
  });
});

test.each([
  [`x\n\ncommit ${id} upstream.\n`, id],
  [`x\n\n    [ Upstream commit ${id} ]\n`, id],
  [`x\n\n(cherry picked from commit ${id})\n`, id],
  [`This reverts commit ${id}, which is upstream.`, undefined],
])("what a message says it is a copy of: %j", (message, commit) => {
  expect(upstreamCommit(message)).toBe(commit);
});

test("several commits may be mended by one", () => {
  expect(fixedCommits('Fixes: 93fa1bb31a2c ("a")\nFixes: 0123456789ab\nfixes a bug')).toEqual([
    "93fa1bb31a2c",
    "0123456789ab",
  ]);
});

test("a candidate of a release counts only where the release has no tag", () => {
  expect(firstOfEachLine(["v6.6.58", "v6.6.57", "v6.12-rc3", "v6.12", "v6.13-rc1", "next-2024"])).toEqual([
    "6.6.57",
    "6.12",
    "6.13-rc1",
  ]);
});
