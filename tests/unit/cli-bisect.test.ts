import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { silent } from "../../src/base/progress.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { documentIn, errorIn } from "./documents.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const library = new URL("../../src/index.ts", import.meta.url).href;
const { signal } = new AbortController();
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-bisect-"));
  // Stands for the registry: the versions that exist.
  await mkdir(join(dir, "bin"));
  await writeFile(join(dir, "bin/npm"), '#!/bin/sh\necho \'["20.0.0","20.1.0","20.2.0","20.3.0"]\'\n');
  await chmod(join(dir, "bin/npm"), 0o755);
  await writeRepro("whole", "signature: () => false,");
  await writeRepro("unsigned", "");
  await writeRepro("mistaken", "signature: () => false, check: async (cell) => cell.nothing.here,");
  await makeTree();
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

async function writeRepro(id: string, signature: string): Promise<void> {
  await mkdir(join(dir, "repros", id), { recursive: true });
  await writeFile(
    join(dir, "repros", id, "repro.ts"),
    `import { defineRepro } from ${JSON.stringify(library)};
    export default defineRepro({
      id: ${JSON.stringify(id)}, title: "none", upstream: ["https://example.org"],
      axes: { kernel: ["6.1.129"], node: ["20.0.0"] }, cells: { bad: [{}], control: [{}] }, deadline: "1m",
      trial: async () => ({}), ${signature} healthy: () => true, summary: () => "",
    });`,
  );
}

/** Two commits in a row, one on a branch of its own, and a change that is not committed. */
async function makeTree(): Promise<void> {
  const script = `
    git init -q -b main tree && cd tree
    git config user.name t && git config user.email t@example.org
    echo 1 > file && git add file && git commit -qm one && git tag one
    git checkout -q -b side && echo s > side && git add side && git commit -qm side
    git checkout -q main && echo 2 > file && git commit -qam two && git tag two
    git clone -q . ../dirty && echo 3 > ../dirty/file`;
  await command(["sh", "-ec", script], { within: "60s", cwd: dir });
}

async function dstate(
  ...argv: readonly string[]
): Promise<{ exitCode: number; text: string; stdout: string }> {
  const env = {
    DSTATE_CACHE: join(dir, "cache"),
    DSTATE_LOGS: join(dir, "logs"),
    PATH: [join(dir, "bin"), dirname(process.execPath), process.env.PATH].join(delimiter),
  };
  const { promise, resolve } = Promise.withResolvers<{ exitCode: number; text: string; stdout: string }>();
  const child = execFile(process.execPath, [bin, ...argv], { cwd: dir, env }, (_error, stdout, text) =>
    resolve({ exitCode: child.exitCode ?? -1, stdout, text }),
  );
  return await promise;
}

// Each starts the command line, which takes longer on a host that is busy.
const timeout = 60_000;

describe("a range that cannot be bisected ends with a sentence and exit code 2", () => {
  test.concurrent.each([
    ["no range at all", [], "needs one range"],
    ["two ranges", ["--kernel", "6.1.106..6.1.129", "--node", "20.0.0..20.3.0"], "needs one range"],
    ["one end only", ["--node", "20.0.0.."], '"20.0.0.." is no range'],
    ["an empty range of Node releases", ["--node", "20.1.0..20.1.0"], "is empty"],
    ["a reversed range of Node releases", ["--node", "20.3.0..20.0.0"], "is reversed"],
    ["a Node release that does not exist", ["--node", "20.0.0..20.2.9"], "has Node 20.2.9"],
    ["half a Node version", ["--node", "20.0..20.3.0"], '"20.0" is no exact Node version'],
    ["an empty range of kernels", ["--kernel", "6.1.106..6.1.106"], "is empty"],
    ["a reversed range of kernels", ["--kernel", "6.1.129..6.1.106"], "is reversed"],
    ["a kernel that no place has", ["--kernel", "6.1.106..6.1.9999"], "has Linux 6.1.9999"],
    ["ends in different lines", ["--kernel", "6.1.129..6.6.57"], "belong to different lines"],
    ["a file as an end", ["--kernel", "6.1.106..file:/x"], "is no end of a range"],
    ["a tree without a range", ["--git", "tree"], "--git needs --range"],
    ["an empty range of commits", ["--git", "tree", "--range", "two..main"], "are the same commit"],
    ["a reversed range of commits", ["--git", "tree", "--range", "two..one"], "the range is reversed"],
    ["an unknown revision", ["--git", "tree", "--range", "one..three"], "no git tree with a commit three"],
    ["ends on different branches", ["--git", "tree", "--range", "side..two"], "is no ancestor of"],
    ["a dirty tree", ["--git", "dirty", "--range", "one..two"], "changes that are not committed"],
    [
      "a reversed range for what mended it",
      ["--fixed", "--kernel", "6.1.129..6.1.106"],
      "Write 6.1.106..6.1.129",
    ],
    [
      "a reversed range for what broke it",
      ["--git", "tree", "--range", "two..one"],
      "is bad and two good, add --fixed",
    ],
    ["what is no tree", ["--git", "repros", "--range", "one..two"], "no git tree"],
    ["no jobs", ["--node", "20.0.0..20.3.0", "--jobs", "0"], "whole number above zero"],
  ])(
    "%s",
    async (_name, argv, sentence) => {
      const { exitCode, text } = await dstate("bisect", "whole", ...argv);
      expect(text).toContain(sentence);
      expect(exitCode).toBe(2);
    },
    timeout,
  );

  test(
    "a repro without a signature",
    async () => {
      const { exitCode, text } = await dstate("bisect", "unsigned", "--node", "20.0.0..20.3.0");
      expect(text).toContain("signature: expected a function");
      expect(exitCode).toBe(2);
    },
    timeout,
  );
});

test(
  "a mistake in a repro's own code ends a bisection at once, with its stack and exit code 2",
  async () => {
    const argv = ["bisect", "mistaken", "--node", "20.0.0..20.3.0", "--jobs", "2"];
    const { exitCode, text } = await dstate(...argv);
    expect(text).toContain('`check` of the repro "mistaken" threw TypeError: ');
    expect(text).toMatch(/^ {4}at (?:Object\.)?check \(.*\/mistaken\/repro\.ts:5:\d+\)$/m);
    expect(text).not.toContain("passed over");
    expect(exitCode).toBe(2);
    const document = await dstate(...argv, "--json");
    expect(errorIn("bisect", document.stdout)).toMatchObject({
      exitCode: 2,
      error: { problem: { type: "TypeError", place: { line: 5 } } },
    });
  },
  timeout,
);

test(
  "visualize, log and replay use the rate that the bisection was told",
  async () => {
    await mkdir(join(dir, "logs"), { recursive: true });
    const candidates = [0, 1, 2, 3].map((index) => ({
      name: `20.${index}.0`,
      detail: "",
      cell: `cell-${index}`,
      parents: index === 0 ? [] : [index - 1],
    }));
    {
      using ledger = await Ledger.open({
        settings: { logsDir: join(dir, "logs") },
        progress: silent,
        signal,
      });
      ledger.saveCampaign("told", {
        repro: "whole",
        range: "node",
        confidence: 0.99,
        rate: 0.25,
        candidates,
      });
      ledger.saveCampaign("untold", { repro: "whole", range: "node", confidence: 0.99, candidates });
      const trial = {
        summary: "",
        evidence: "",
        startedAt: new Date(0).toISOString(),
        took: 1,
        ranBy: "matrix",
      } as const;
      ledger.addTrial("whole", { ...trial, cell: "cell-3", outcome: "reproduced" });
      ledger.addTrial("whole", { ...trial, cell: "cell-1", outcome: "clean" });
    }
    const probability = async (command: "visualize" | "replay", name: string): Promise<number[]> => {
      const { stdout } = await dstate("bisect", command, name, "--json");
      return documentIn(`bisect ${command}`, stdout).candidates.map((one) => one.probability);
    };
    const told = await probability("visualize", "told");
    // One clean trial leaves 3 / 4 of a bad candidate's odds at rate 1 / 4.
    expect(told[1]).toBeCloseTo(0.75 / 3.5, 6);
    expect(told[2]).toBeCloseTo(1 / 3.5, 6);
    const untold = await probability("visualize", "untold");
    expect(untold[2]).toBeGreaterThan(0.3);
    const { stdout: log } = await dstate("bisect", "log", "told");
    await writeFile(join(dir, "told.log"), log);
    expect(await probability("replay", "told.log")).toEqual(told);
  },
  timeout,
);
