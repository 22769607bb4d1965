import { fork } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import { parseTicks } from "../../src/record/host.ts";
import { findRun, readRun } from "../../src/record/read-run.ts";
import { Run, shellLine } from "../../src/record/run.ts";
import { runSchema } from "../../src/record/run-record.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-run-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const repro = fileURLToPath(new URL("../repros/io-uring-dstate/repro.ts", import.meta.url));
const cell = { kernel: "6.1.115", node: "20.9.0", env: {}, image: "debian", axes: {} } as const;

async function open(signal = new AbortController().signal): Promise<Run> {
  const settings = readSettings({ ...process.env, DSTATE_LOGS: dir });
  return await Run.open({ kind: "run", about: "io-uring-dstate", file: repro }, { settings, signal });
}

describe("a run's folder", () => {
  test("is a whole document at every moment, while trials begin and end side by side", async () => {
    const run = await open();
    let writing = true;
    const reading = (async (): Promise<number> => {
      let count = 0;
      for (; writing; count += 1)
        runSchema.parse(JSON.parse(await readFile(join(run.dir, "run.json"), "utf8")));
      return count;
    })();
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const trial = await run.begin({ title: `trial ${index}`, cell });
        await trial.ended({ outcome: "clean", summary: "ended", took: index });
      }),
    );
    await run.finish();
    writing = false;
    expect(await reading).toBeGreaterThan(0);
    const { record, state } = await readRun(run.dir);
    expect(state).toBe("finished");
    expect(record.trials.map(({ number, state }) => `${number} ${state}`)).toEqual(
      Array.from({ length: 40 }, (_, index) => `${index + 1} ended`),
    );
    expect((await readdir(run.dir)).filter((name) => name.startsWith("run.json"))).toEqual(["run.json"]);
  });

  test("of a process that was killed can be read, and says which trial was unfinished", async () => {
    const child = fork(fileURLToPath(new URL("fixtures/record/begin-trial.ts", import.meta.url)), [dir]);
    const folder = await new Promise<string>((resolve) =>
      child.once("message", (text) => resolve(`${text}`)),
    );
    expect((await readRun(folder)).state).toBe("running");
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const { state, record } = await readRun(folder);
    expect(state).toBe("killed");
    expect(record.trials.map(({ state, outcome }) => [state, outcome])).toEqual([
      ["ended", "clean"],
      ["running", undefined],
    ]);
  });

  test("that was interrupted says so", async () => {
    const interrupt = new AbortController();
    const run = await open(interrupt.signal);
    await run.begin({ title: "kernel 6.1.115", cell });
    interrupt.abort(new Error("Ctrl-C"));
    await run.fail(interrupt.signal.reason);
    expect((await readRun(run.dir)).state).toBe("interrupted");
  });

  test("holds the repro's files and their hashes, the host, and the command that runs it again", async () => {
    const run = await open();
    await run.finish();
    const { record } = await readRun(run.dir);
    expect(Object.keys(record.repro?.files ?? {})).toContain("workload/lstat.mjs");
    expect(await readdir(join(run.dir, "repro"))).toContain("repro.ts");
    expect(record.host.cores).toBeGreaterThan(0);
    expect(record.rerun).toMatch(/^dstate/);
    expect(record.load?.busy).toBeGreaterThanOrEqual(0);
  });

  test("of an older version, with one trial and no run.json, can still be read", async () => {
    const folder = join(dir, "2026-11-26T17-57-08-io-uring-dstate-e973");
    await (await open()).finish();
    await rm(folder, { recursive: true, force: true });
    const { mkdir } = await import("node:fs/promises");
    await mkdir(folder);
    const startedAt = "2026-11-26T17:57:08.000Z";
    const trial = {
      repro: "io-uring-dstate",
      cell,
      outcome: "reproduced",
      summary: "stuck",
      startedAt,
      took: 5,
    };
    await writeFile(join(folder, "trial.json"), JSON.stringify(trial));
    const { record } = await readRun(folder);
    expect(record.trials).toMatchObject([{ number: 1, folder: ".", outcome: "reproduced", cell }]);
  });
});

describe("a run is found", () => {
  test("by its path, by a part of its name, or as the last one", async () => {
    const run = await open();
    await run.finish();
    const settings = { logsDir: dir };
    expect(await findRun(run.dir, settings)).toBe(run.dir);
    expect(await findRun(join(run.dir, "run.json"), settings)).toBe(run.dir);
    expect(await findRun("io-uring", settings)).toBe(run.dir);
    expect(await findRun(undefined, settings)).toBe(run.dir);
    await expect(findRun("sockmap", settings)).rejects.toThrow('there is no run "sockmap"');
  });
});

test("a host's processor time is read with what its hypervisor took", () => {
  expect(parseTicks("cpu  10 1 5 80 5 0 1 2 7 0\ncpu0 1 2 3\n")).toEqual({ total: 104, idle: 85, steal: 2 });
});

test("words become a line that a shell reads as the same words", () => {
  expect(shellLine(["dstate", "run", "x", "--env", "A=it's b"])).toBe("dstate run x --env 'A=it'\\''s b'");
});
