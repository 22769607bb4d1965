import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { documentIn, errorIn } from "../unit/documents.ts";
import { kernel } from "./vm.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const library = new URL("../../src/index.ts", import.meta.url).href;
const dir = await mkdtemp(join(tmpdir(), "dstate-documents-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

beforeAll(async () => {
  await mkdir(join(dir, "repros/told"), { recursive: true });
  // Bad from one kernel on, by its name alone.
  await writeFile(
    join(dir, "repros/told/repro.ts"),
    `import { defineRepro } from ${JSON.stringify(library)};
    export default defineRepro({
      id: "told", title: "none", upstream: ["https://example.org"], deadline: "1m",
      axes: { kernel: [${JSON.stringify(kernel)}] }, cells: { bad: [{}], control: [{}] },
      machine: { cpus: 1, memory: "512MiB" },
      trial: async ({ cell, vm, signal }) =>
        ({ kernel: cell.kernel, release: (await vm.guest.exec("uname -r", { signal })).stdout.trim() }),
      signature: (seen) => seen.kernel === "6.1.129" && seen.release !== "",
      healthy: (seen) => seen.release !== "", summary: (seen) => seen.release,
    });`,
  );
});

async function dstate(...argv: string[]): Promise<{ exitCode: number | null; stdout: string }> {
  const env = { ...process.env, DSTATE_LOGS: join(dir, "logs") };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv, "--json"], { cwd: dir, env }, (_error, stdout) =>
      resolve({ exitCode: child.exitCode, stdout }),
    );
  });
}

test("a bisection's document is as its schema says", async () => {
  const argv = ["bisect", "told", "--kernel", "6.1.115..6.1.129", "--rate", "1", "--jobs", "1"];
  const { exitCode, stdout } = await dstate(...argv);
  expect(documentIn("bisect", stdout)).toMatchObject({
    repro: "told",
    conclusion: { type: "found" },
    candidates: [{ name: "6.1.115" }, { name: "6.1.129" }],
  });
  expect(exitCode).toBe(0);
});

test.each([
  ["bench boot", ["--kernel", kernel, "--runs", "1", "--clones", "1"]],
  ["bench restore", ["--kernel", kernel, "--count", "1"]],
  ["kernels get", [kernel]],
  ["kernels build", [kernel]],
  ["kernels pin", [kernel]],
  ["images build", []],
  ["setup", []],
  ["doctor --kvm-report", []],
] as const)("the document of `dstate %s` is as its schema says", async (name, argv) => {
  const { exitCode, stdout } = await dstate(...name.split(" "), ...argv);
  documentIn(name, stdout);
  expect(exitCode).toBe(0);
});

test("the document of `dstate bench trial` is as its schema says", async () => {
  const { stdout } = await dstate(
    "bench",
    "trial",
    "told",
    "--kernel",
    kernel,
    "--trials",
    "1",
    "--jobs",
    "1",
  );
  expect(documentIn("bench trial", stdout).outcomes).toEqual({ reproduced: 1 });
});

test("the document of `dstate kernels list` is as its schema says, or an error's where no archive is in reach", async () => {
  const { exitCode, stdout } = await dstate("kernels", "list");
  if (exitCode === 0) expect(documentIn("kernels list", stdout).cached.length).toBeGreaterThan(0);
  else expect(errorIn("kernels list", stdout).exitCode).toBe(exitCode);
});
