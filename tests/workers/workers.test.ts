import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pWaitFor from "p-wait-for";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pause } from "../../src/base/wait.ts";
import { readRun, type StoredRun } from "../../src/record/read-run.ts";
import { documentIn } from "../unit/documents.ts";
import { type Line, lineTo, type RunningPostgres, startPostgres } from "../unit/postgres.ts";
import { type RunningRegistry, startRegistry } from "../unit/registry.ts";
import { kernel } from "../vm/vm.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const trials = 8;
let home = "";
let postgres: RunningPostgres;
let registry: RunningRegistry;
let line: Line;
const workers = new Map<string, ChildProcess>();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "dstate-workers-"));
  await chmod(home, 0o755);
  postgres = await startPostgres(home);
  line = await lineTo(postgres);
  registry = await startRegistry(join(home, "registry"));
  await mkdir(join(home, "repros/steady"), { recursive: true });
  // What a cell shows is written in its name, so that what many hosts saw can be held against what one saw.
  await writeFile(
    join(home, "repros/steady/repro.ts"),
    `import { defineRepro } from "dstate";
    export default defineRepro({
      id: "steady", title: "none", upstream: ["https://example.org"], deadline: "1m",
      axes: { kernel: [${JSON.stringify(kernel)}], own: { shows: ["failure", "nothing"] } },
      cells: { bad: [{ axes: { shows: "failure" } }], control: [{ axes: { shows: "nothing" } }] },
      machine: { cpus: 1, memory: "512MiB" },
      trial: async ({ vm, cell, signal }) =>
        ({ said: (await vm.guest.exec(["sh", "-c", "sleep 3; echo " + cell.axes.shows], { signal })).stdout.trim() }),
      signature: ({ said }) => said === "failure",
      healthy: ({ said }) => said === "nothing",
      summary: ({ said }) => said,
    });`,
  );
});
afterAll(async () => {
  for (const child of workers.values()) child.kill("SIGKILL");
  await line?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function matrix(logs: string, argv: readonly string[]): Promise<Ended> {
  return await dstate(logs, ["matrix", "steady", "--trials", `${trials}`, "--full", "--json", ...argv]);
}

async function dstate(logs: string, argv: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const env = { ...process.env, DSTATE_LOGS: join(home, logs), ...more };
  const line = [bin, ...argv];
  const child = execFile(
    process.execPath,
    line,
    { cwd: home, env, maxBuffer: 2 ** 28 },
    (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
  );
  return await promise;
}

const said = new Map<string, string>();

async function count(statement: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile("psql", [postgres.url, "-At", "-c", statement], (_error, stdout) => resolve(stdout));
  return Number(await promise);
}

/** The run that a command left last in a folder of logs. */
async function lastRun(logs: string): Promise<StoredRun> {
  const names = (await readdir(join(home, logs))).filter((name) => /^\d{4}-/.test(name)).sort();
  return await readRun(join(home, logs, names.at(-1) ?? ""));
}

/** A worker on a host of its own: nothing is in its cache. */
function startWorker(name: string, url: string): void {
  const env = {
    ...process.env,
    DSTATE_CACHE: join(home, name, "cache"),
    DSTATE_LOGS: join(home, name, "logs"),
    DSTATE_CACHE_REGISTRY: registry.address,
  };
  const argv = [bin, "worker", "--queue", url, "--name", name, "--jobs", "1"];
  const child = spawn(process.execPath, argv, { cwd: home, env, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => said.set(name, `${said.get(name) ?? ""}${bytes}`));
  workers.set(name, child);
}

const until = async (what: () => boolean | Promise<boolean>): Promise<void> =>
  await pWaitFor(what, { interval: 100, timeout: 400_000 });
/** A worker is in the middle of a trial: its guest has begun to do what the trial is about. */
const isTrying = (name: string): boolean => {
  const text = said.get(name) ?? "";
  return text.lastIndexOf("trial: kernel") > text.lastIndexOf("done: trial for the queue");
};

test("a worker killed, one cut off, the database and the registry started anew: each trial is there once", async () => {
  const alone = documentIn("matrix", (await matrix("alone", [])).stdout);
  expect(alone.exitCode).toBe(1);

  // Somebody fills the registry.
  const env = { ...process.env, DSTATE_LOGS: join(home, "fill"), DSTATE_CACHE_REGISTRY: registry.address };
  await new Promise((resolve) =>
    execFile(
      process.execPath,
      [bin, "run", "steady", "--axis", "shows=nothing", "--push"],
      { cwd: home, env },
      resolve,
    ),
  );
  for (const name of ["one", "two"]) startWorker(name, postgres.url);
  startWorker("three", line.url);
  const running = matrix("many", ["--queue", postgres.url]);
  const results = async (): Promise<number> =>
    await count("SELECT count(*) FROM dstate.results WHERE result->>'type' = 'trial'");

  await until(() => isTrying("one"));
  workers.get("one")?.kill("SIGKILL");
  await until(() => isTrying("three"));
  line.cut();
  const cutAt = performance.now();
  await until(() => said.get("three")?.includes("cut off from the queue") === true);
  const atRestart = await results();
  await postgres.restart();
  await registry.stop();
  await until(async () => (await results()) > atRestart);
  // A minute is what was asked for, longer than any silence that the queue bears.
  await pause(Math.max(0, 60_000 - (performance.now() - cutAt)));
  line.mend();
  const { code, stdout, stderr } = await running;
  expect(code, stderr).toBe(1);

  const many = documentIn("matrix", stdout);
  expect(many.cells.map(({ cell, tally, verdict }) => ({ cell, tally, verdict }))).toEqual(
    alone.cells.map(({ cell, tally, verdict }) => ({ cell, tally, verdict })),
  );
  expect(await results()).toBe(2 * trials);

  // The evidence of each trial came home, whoever ran it, and the kernel was built once.
  expect(stderr).not.toContain("the evidence is at");
  const { dir, record } = await lastRun("many");
  const ran = record.trials.filter(({ state }) => state === "ended");
  expect(ran).toHaveLength(2 * trials);
  for (const { folder, machine } of ran) {
    expect(await readdir(join(dir, folder))).toEqual(
      expect.arrayContaining(["console.log", "trial.json", "worker-run.json", "evidence-of-worker.json"]),
    );
    expect(machine?.start).toMatch(/warm|cold/);
  }
  expect(await count("SELECT count(*) FROM dstate.results WHERE result->>'type' = 'built'")).toBe(1);

  // Told to end, a worker ends, and in good order.
  const two = workers.get("two");
  const ended = two && once(two, "exit");
  two?.kill("SIGTERM");
  expect((await ended)?.[0]).toBe(0);

  // Asked again, nothing is tried again: the shared ledger has it.
  const again = documentIn("matrix", (await matrix("elsewhere", ["--queue", postgres.url])).stdout);
  expect(again.cells.flatMap(({ trials: list }) => list.map(({ earlier }) => earlier))).toEqual(
    Array.from({ length: 2 * trials }, () => true),
  );
  expect(await results()).toBe(2 * trials);
}, 1_200_000);

test("a map and a bisection are run by workers, who get each kernel once and send their evidence home", async () => {
  await registry.stop();
  // The registry was stopped; this one has what two kernels' trials need.
  registry = await startRegistry(join(home, "registry-of-two"));
  await mkdir(join(home, "repros/switch"), { recursive: true });
  await writeFile(
    join(home, "repros/switch/repro.ts"),
    `import { defineRepro } from "dstate";
    export default defineRepro({
      id: "switch", title: "none", upstream: ["https://example.org"], deadline: "1m",
      axes: { kernel: ["6.1.115", "6.1.129"] },
      cells: { bad: [{ kernel: "6.1.115" }], control: [{ kernel: "6.1.129" }] },
      machine: { cpus: 1, memory: "512MiB" },
      trial: async ({ vm, signal }) => ({ said: (await vm.guest.exec(["uname", "-r"], { signal })).stdout.trim() }),
      signature: ({ said }) => said === "6.1.115",
      healthy: ({ said }) => said === "6.1.129",
      summary: ({ said }) => said,
    });`,
  );
  const filled = await dstate("fill", ["setup", "switch", "--push"], {
    DSTATE_CACHE_REGISTRY: registry.address,
  });
  expect(filled.stdout, filled.stderr).toContain("Every part of its machines is here");
  for (const child of workers.values()) child.kill("SIGKILL");
  const built = async (): Promise<number> =>
    await count("SELECT count(*) FROM dstate.results WHERE result->>'type' = 'built'");
  for (const name of ["four", "five"]) startWorker(name, postgres.url);
  const series = "6.1.115..6.1.129";
  const asked = ["--queue", postgres.url, "--json", "--least-rate", "0.5"];
  const mapped = await dstate("map", ["map", "switch", "--series", series, ...asked]);
  const map = documentIn("map", mapped.stdout);
  expect(map.exitCode, mapped.stderr).toBe(0);
  const of = (version: string) => map.lines[0]?.releases.find((release) => release.version === version);
  expect([of("6.1.115")?.state, of("6.1.129")?.state]).toEqual(["bad", "good"]);
  // One of the first test's workers, heard of just now, may have had one of them.
  expect([1, 2]).toContain(map.lines[0]?.builds);
  const bisected = await dstate("map", [
    ...["bisect", "switch", "--fixed", "--kernel", series],
    ...["--queue", postgres.url, "--json"],
  ]);
  const { conclusion } = documentIn("bisect", bisected.stdout);
  expect(bisected.code, bisected.stderr).toBe(0);
  expect(conclusion.type).toBe("found");
  // Each kernel is a job of its own, done once, whichever of these campaigns asked for it first.
  expect(await built()).toBe(2);
  for (const { folder } of (await lastRun("map")).record.trials)
    expect(await readdir(join((await lastRun("map")).dir, folder))).toContain("console.log");
  for (const name of ["four", "five"]) {
    const child = workers.get(name);
    const ended = child && once(child, "exit");
    child?.kill("SIGTERM");
    expect((await ended)?.[0]).toBe(0);
  }
}, 900_000);
