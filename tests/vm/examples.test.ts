import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Run an example as its reader does, with `dstate` being this checkout. */
async function run(example: string, ...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const dir = await mkdtemp(join(tmpdir(), "dstate-example-"));
  onTestFinished(async () => await rm(dir, { recursive: true }));
  const library = new URL("../../src/repro/own-library.ts", import.meta.url).href;
  const serve = `import { serveOwnLibrary } from ${JSON.stringify(library)}; serveOwnLibrary();`;
  const hook = `data:text/javascript,${encodeURIComponent(serve)}`;
  const child = spawn(process.execPath, ["--import", hook, file(`examples/${example}`), ...args], {
    cwd: dir,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout };
}

describe("the examples", () => {
  test("kill-in-lstat shows the defect on 6.1.115", async () => {
    const { code, stdout } = await run("kill-in-lstat.mjs", "6.1.115");
    expect(stdout).toContain("6.1.115: stall");
    expect(stdout).toContain("after SIGKILL: D");
    expect(stdout).toContain("it is nodejs/node#55587");
    expect(stdout).toContain("power-off: stuck");
    expect(code).toBe(1);
  });

  test("npm-ci-loop runs npm ci offline on a kernel without it, to its end", async () => {
    const project = file("tests/repros/io-uring-dstate/workload/npm-ci");
    const { code, stdout } = await run("npm-ci-loop.mjs", "6.1.129", project, "1");
    expect(stdout).toMatch(/Linux 6\.1\.129, libuv 1\.46\.0/);
    expect(stdout).toMatch(/npm ci, round 1: exit after/);
    expect(stdout).toContain("power-off: off");
    expect(code).toBe(0);
  });
});
