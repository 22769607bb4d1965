import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { documentIn } from "../unit/documents.ts";
import { kernel } from "./vm.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const library = new URL("../../src/index.ts", import.meta.url).href;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-matrix-"));
  await mkdir(join(dir, "repros/flaky"), { recursive: true });
  // What it shows is written in its cell, so that the matrix can be held against it.
  await writeFile(
    join(dir, "repros/flaky/repro.ts"),
    `import { defineRepro } from ${JSON.stringify(library)};
    export default defineRepro({
      id: "flaky", title: "none", upstream: ["https://example.org"], deadline: "1m",
      axes: { kernel: [${JSON.stringify(kernel)}], own: { shows: ["failure", "nothing"] } },
      cells: { bad: [{ axes: { shows: "failure" } }], control: [{ axes: { shows: "nothing" } }] },
      machine: { cpus: 1, memory: "512MiB" },
      trial: async ({ vm, cell, signal }) =>
        ({ said: (await vm.guest.exec(["echo", cell.axes.shows], { env: cell.env, signal })).stdout.trim() }),
      signature: ({ said }) => said === "failure",
      healthy: ({ said }) => said === "nothing",
      summary: ({ said }) => said,
    });`,
  );
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

async function matrix(
  ...argv: readonly string[]
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const { promise, resolve } = Promise.withResolvers<{ exitCode: number; stdout: string; stderr: string }>();
  const env = { ...process.env, DSTATE_LOGS: join(dir, "logs") };
  const child = execFile(
    process.execPath,
    [bin, "matrix", "flaky", ...argv],
    { cwd: dir, env },
    (_error, stdout, stderr) => resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
  );
  return await promise;
}

test("a matrix on real machines: rates, exit code, one JSON document, and earlier trials that count", async () => {
  const first = await matrix("--trials", "2", "--jobs", "2", "--json");
  expect(first.stderr).toContain("trial: kernel");
  expect(first.exitCode).toBe(1);
  const document = documentIn("matrix", first.stdout);
  expect(document).toMatchObject({ exitCode: 1, jobs: 2, trials: 2, confidence: 0.95 });
  expect(document.cells).toMatchObject([
    {
      cell: { axes: { shows: "failure" } },
      tally: { reproduced: 2 },
      verdict: { type: "fails-always", high: 1 },
    },
    { cell: { axes: { shows: "nothing" } }, tally: { clean: 2 }, verdict: { type: "not-seen", low: 0 } },
  ]);

  // All it asks for is in the ledger: nothing runs.
  const again = await matrix("--trials", "2");
  expect(again.stderr).toContain("2 earlier trials count");
  expect(again.stderr).not.toContain("trial: kernel");
  expect(again.stdout).toContain("fails always");
  expect(again.stdout).toContain("(2 earlier)");

  const control = await matrix(
    "--axis",
    "shows=nothing",
    "--env",
    "A=1 B=2",
    "--env",
    "none",
    "--trials",
    "1",
    "--json",
  );
  expect(control.exitCode).toBe(0);
  expect(
    documentIn("matrix", control.stdout).cells.map(({ cell, trials }) => [cell.env, trials.length]),
  ).toEqual([
    [{ A: "1", B: "2" }, 1],
    [{}, 2],
  ]);

  const fresh = await matrix("--axis", "shows=nothing", "--trials", "1", "--fresh", "--json");
  expect(documentIn("matrix", fresh.stdout).cells[0]?.trials.map(({ earlier }) => earlier)).toEqual([false]);
});
