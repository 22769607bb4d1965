import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pWaitFor from "p-wait-for";
import { afterAll, beforeAll, expect, test } from "vitest";
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
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const env = { ...process.env, DSTATE_LOGS: join(home, logs) };
  const line = [bin, "matrix", "steady", "--trials", `${trials}`, "--full", "--json", ...argv];
  const child = execFile(
    process.execPath,
    line,
    { cwd: home, env, maxBuffer: 2 ** 28 },
    (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
  );
  return await promise;
}

const said = new Map<string, string>();

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
  const results = async (): Promise<number> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    execFile(
      "psql",
      [postgres.url, "-At", "-c", "SELECT count(*) FROM dstate.results WHERE result->>'type' = 'trial'"],
      (_error, stdout) => resolve(stdout),
    );
    return Number(await promise);
  };

  await until(() => isTrying("one"));
  workers.get("one")?.kill("SIGKILL");
  await until(() => isTrying("three"));
  line.cut();
  await until(() => said.get("three")?.includes("cut off from the queue") === true);
  const atRestart = await results();
  await postgres.restart();
  await registry.stop();
  await until(async () => (await results()) > atRestart);
  line.mend();
  const { code, stdout, stderr } = await running;
  expect(code, stderr).toBe(1);

  const many = documentIn("matrix", stdout);
  expect(many.cells.map(({ cell, tally, verdict }) => ({ cell, tally, verdict }))).toEqual(
    alone.cells.map(({ cell, tally, verdict }) => ({ cell, tally, verdict })),
  );
  expect(await results()).toBe(2 * trials);

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
