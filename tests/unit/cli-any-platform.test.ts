import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const home = fileURLToPath(new URL("../..", import.meta.url));
const preload = new URL("fixtures/host/other-platform.mjs", import.meta.url).href;
const cwd = await mkdtemp(join(tmpdir(), "dstate-platform-"));
afterAll(async () => await rm(cwd, { recursive: true, force: true }));

/** dstate on a host without Linux' files, and with no other programs than these. */
async function elsewhere(
  programs: readonly string[],
  ...argv: readonly string[]
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const env = {
    ...process.env,
    DSTATE_TEST_PROGRAMS: programs.join(","),
    DSTATE_CACHE: join(cwd, "cache"),
    // What killed runs of others left behind is removed with a word, which is not looked for here.
    TMPDIR: cwd,
  };
  const all = ["--import", preload, join(home, "bin/dstate.mjs"), ...argv];
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, all, { cwd, env }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

test("a kernel log is read on any platform", async () => {
  const log = join(home, "tests/unit/fixtures/recorded/hung-task-6.1.115.txt");
  const { exitCode, stdout, stderr } = await elsewhere([], "dmesg", log, "--json");
  expect(stderr).toBe("");
  expect(exitCode).toBe(1);
  expect(stdout).toContain('"kind": "hung-task"');
});

test("a bisection is looked at again on any platform", async () => {
  const { exitCode, stdout, stderr } = await elsewhere(
    [],
    "bisect",
    "replay",
    join(home, "docs/bisect-6.1.115.jsonl"),
  );
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  expect(stdout).toContain("38d29a40d383 is the first bad one: 99.5%");
});

test("the thread-local storage of a file is read on any platform that has binutils", async () => {
  const library = join(cwd, "libc.so.6");
  await cp("/lib/x86_64-linux-gnu/libc.so.6", library, { dereference: true });
  const { exitCode, stdout, stderr } = await elsewhere(["readelf", "c++filt"], "tls", library, "--json");
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  expect(stdout).toContain("libc.so.6");
});

test("a machine is refused in a sentence where there can be none", async () => {
  const { exitCode, stdout, stderr } = await elsewhere([], "run", "io-uring-dstate");
  expect([exitCode, stdout]).toEqual([70, ""]);
  expect(stderr).toMatch(/^dstate: machines need Linux.*\n {2}\S/);
});
