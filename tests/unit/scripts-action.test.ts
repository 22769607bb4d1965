import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { acceleratorHere } from "../../src/campaign/accelerator-here.ts";
import { cellKey, reproKey } from "../../src/campaign/cell-key.ts";
import { Ledger } from "../../src/campaign/ledger.ts";

const script = fileURLToPath(new URL("../../scripts/action.sh", import.meta.url));
let dir = "";

/** A matrix whose every trial was run before: a whole command of a job, without a machine. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-action-"));
  await mkdir(join(dir, "home"));
  const file = join(dir, "repros/known/repro.ts");
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    `import { defineRepro } from "dstate";
    export default defineRepro({
      id: "known", title: "known", upstream: ["https://example.org"], axes: { kernel: ["6.1.129"] },
      cells: { bad: [{}], control: [{}] }, deadline: "1m",
      trial: async () => ({}), signature: () => true, healthy: () => true, summary: () => "",
    });`,
  );
  const logs = { DSTATE_LOGS: join(dir, "dstate-logs"), DSTATE_CACHE: join(dir, "home/.cache/dstate") };
  const { signal } = new AbortController();
  const context = { settings: readSettings(logs), progress: silent, signal };
  using ledger = await Ledger.open(context);
  const cell = { kernel: "6.1.129", node: undefined, env: {}, image: "debian", axes: {} } as const;
  ledger.addTrial("known", {
    cell: cellKey(`known ${await reproKey(file)}`, cell, { accelerator: await acceleratorHere(context) }),
    outcome: "reproduced",
    summary: "it failed",
    evidence: "/logs/known",
    startedAt: "2026-11-26T08:00:00Z",
    took: 1000,
    ranBy: "matrix",
  });
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

/** Run the action's script as a runner does: nothing in HOME, its own variables. */
async function act(command: string): Promise<{ code: number | null; said: string }> {
  const child = spawn("bash", [script], {
    cwd: dir,
    env: {
      HOME: join(dir, "home"),
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_STEP_SUMMARY: join(dir, "summary.md"),
      DSTATE_COMMAND: command,
      DSTATE_REPORTS: "reports",
    },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += String(text)));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, said };
}

test("the action's script runs one command, and leaves its reports, its page and its exit code", async () => {
  const { code, said } = await act('matrix "known" --trials 1');
  expect(code, said).toBe(1);
  expect(said).toContain("fails always");
  for (const [name, text] of [
    ["reports/junit.xml", "<testsuites"],
    ["reports/ctrf.json", '"CTRF"'],
    ["reports/page.html", "<!doctype html>"],
    ["summary.md", "### dstate matrix: known"],
  ] as const)
    expect((await readFile(join(dir, name), "utf8")).toLowerCase()).toContain(text.toLowerCase());
  // Whoever runs it again has other places for reports.
  expect(await readFile(join(dir, "summary.md"), "utf8")).toMatch(/^dstate matrix known --trials 1$/m);
});

test.each([
  ["a command that does not exist", "no-such-command"],
  ["a repro that does not exist", "run no-such-repro"],
  ["a kernel that is not named", "exec -- true --report nothing"],
  ["a quote that is left open", "run 'known"],
])(
  "a mistake in the command, %s, is exit code 2, and no page of another run is left for it",
  async (_what, command) => {
    await rm(join(dir, "reports"), { recursive: true, force: true });
    const { code, said } = await act(command);
    expect(code, said).toBe(2);
    await expect(readFile(join(dir, "reports/page.html"))).rejects.toThrow("ENOENT");
  },
);

test("what the command's words would do in a shell is not done", async () => {
  const { code } = await act("run $(touch hacked) ; touch hacked");
  expect(code).toBe(2);
  await expect(readFile(join(dir, "hacked"))).rejects.toThrow("ENOENT");
});
