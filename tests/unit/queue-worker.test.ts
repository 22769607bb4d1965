import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import type { ProgressEvent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { ownVersion } from "../../src/base/version.ts";
import { definitionOf } from "../../src/campaign/cell-key.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { runMatrix } from "../../src/campaign/matrix/run.ts";
import type { KernelAbout } from "../../src/kernel/kernel.ts";
import { kernelStore } from "../../src/kernel/stored.ts";
import { carryRepro } from "../../src/queue/carried-repro.ts";
import { Queue } from "../../src/queue/queue.ts";
import { triesByQueue } from "../../src/queue/tries.ts";
import { type JobData, type JobResult, jobId, type Needs, queueOf } from "../../src/queue/work.ts";
import { findRepro } from "../../src/repro/find.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";

const library = fileURLToPath(new URL("../../src/index.ts", import.meta.url));
const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const { signal } = new AbortController();
let home = "";
let postgres: RunningPostgres;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "dstate-worker-"));
  await chmod(home, 0o755);
  postgres = await startPostgres(home);
}, 120_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const open = async (): Promise<Queue> => await Queue.open(postgres.url, { signal });
const cell = { kernel: "6.1.129", env: {}, image: "debian", axes: {} } as const;
/** Each test has a kernel of its own: a worker that was ended is heard of for a while. */
const needsOf = (kernel: string): Needs => ({
  task: "trial",
  architecture: "x86-64",
  accelerator: "tcg",
  memory: 2 ** 20,
  kernel,
});

/** A repro whose trials take no machine: its check of the cell takes as long as one, and then says that it is none. */
async function giveSlowRepro(name: string, seconds: number, queue: Queue): Promise<JobData> {
  const dir = join(home, "repros", name);
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, "repro.ts"),
    `import { writeFileSync } from "node:fs";
    import { setTimeout } from "node:timers/promises";
    import { defineRepro, UsageError } from ${JSON.stringify(library)};
    export default defineRepro({
      id: ${JSON.stringify(name)}, title: "none", upstream: ["https://example.org"], deadline: "1m",
      axes: { kernel: ["6.1.129"] }, cells: { bad: [{}], control: [{}] },
      check: async (_cell, { signal }) => {
        const stamp = (what: string) => writeFileSync(${JSON.stringify(join(home, name))} + "." + what + "." + Math.random(), "");
        stamp("begun");
        await setTimeout(${seconds * 1000}, undefined, { signal });
        stamp("ended");
        throw new UsageError("looked at");
      },
      trial: async () => 1, signature: () => false, healthy: () => true, summary: () => "",
    });`,
  );
  const found = await findRepro(join(dir, "repro.ts"));
  const definition = await definitionOf(found);
  await carryRepro(found, definition, queue);
  return { definition, cell, ranBy: "matrix", cold: false };
}

/** A worker as a user starts it, on a host that has a kernel, by the look of its cache. */
async function startWorker(
  name: string,
  kernel: string,
  ...more: string[]
): Promise<{ child: ChildProcess; said: () => string }> {
  const env = { ...process.env, DSTATE_CACHE: join(home, name), DSTATE_LOGS: join(home, `${name}-logs`) };
  const context = { settings: readSettings(env), progress: () => {}, signal };
  await kernelStore(context).findOrMake(
    `${kernel}-0123456789abcdef0123`,
    { within: "10s", signal },
    async (dir) => {
      await writeFile(join(dir, "bzImage"), "none");
      const about = { kind: "release", selector: kernel, version: kernel } as const;
      return { ...about, boot: "bzImage", provenance: "made up" } satisfies KernelAbout;
    },
  );
  const argv = [bin, "worker", "--queue", postgres.url, "--name", name, ...more];
  const child = spawn(process.execPath, argv, { cwd: home, env, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
  return { child, said: () => said };
}

const stamps = async (name: string, what: string): Promise<number> =>
  (await readdir(home)).filter((file) => file.startsWith(`${name}.${what}.`)).length;

test("a worker runs as many jobs side by side as --jobs says, and no more", async () => {
  await using queue = await open();
  const needs = needsOf("6.1.129");
  const data = await giveSlowRepro("beside", 2, queue);
  const ids = Array.from({ length: 5 }, (_, index) => jobId("trial", ["beside", index]));
  for (const id of ids) await queue.ask(id, needs, data);
  await startWorker("three-at-a-time", "6.1.129", "--jobs", "3");
  let most = 0;
  await expect
    .poll(
      async () => {
        const [begun, ended] = [await stamps("beside", "begun"), await stamps("beside", "ended")];
        most = Math.max(most, begun - ended);
        return (await queue.resultsOf(ids)).length;
      },
      { interval: 50, timeout: 50_000 },
    )
    .toBe(5);
  expect(most).toBe(3);
});

test("a worker that is told to end gives back what it has at once, and ends with exit code 0", async () => {
  await using queue = await open();
  const needs = needsOf("6.1.106");
  const data = await giveSlowRepro("endless", 300, queue);
  const id = jobId("trial", "endless");
  await queue.ask(id, needs, data);
  const { child, said } = await startWorker("told-to-end", "6.1.106", "--jobs", "1");
  await expect.poll(async () => await stamps("endless", "begun"), { timeout: 40_000 }).toBe(1);
  const told = performance.now();
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect(code, said()).toBe(0);
  expect(performance.now() - told).toBeLessThan(15_000);
  expect(said()).toContain("told-to-end has ended");
  expect((await queue.othersThan("")).some(({ kernels }) => kernels.includes("6.1.106"))).toBe(false);
  // Long before a silent worker's job is another's.
  const again = await queue.take(queueOf(needs), needs);
  expect(again).toMatchObject({ id, retryCount: 1 });
  expect(await queue.resultsOf([id])).toEqual([]);
});

test("who asks is told of a worker whose results are unlike the others', once", async () => {
  await using queue = await open();
  const found = await findRepro("io-uring-dstate");
  const events: ProgressEvent[] = [];
  const settings = readSettings({
    ...process.env,
    DSTATE_CACHE: join(home, "asks"),
    DSTATE_LOGS: join(home, "asks-logs"),
  });
  const stop = new AbortController();
  const context: Context = { settings, progress: (event) => void events.push(event), signal: stop.signal };
  using ledger = Ledger.inMemory();
  const kernel = "deb:6.1.0-1";
  const plan = { trials: 24, confidence: 0.95, full: true };
  const cells = [{ ...cell, node: "20.9.0", kernel }];
  const running = runMatrix(
    { found, cells, plan, jobs: 24, open: triesByQueue(queue, found) },
    ledger,
    context,
  );
  /** Workers of which one sees what no other does. */
  const work = async (): Promise<void> => {
    const own = await open();
    for (let count = 0; count < 24; ) {
      const asked = (await own.asked()).filter((each) => each.needs.kernel === kernel);
      for (const { queue: from, needs: wanted } of asked) {
        const claim = await own.take(from, wanted);
        if (!claim) continue;
        const worker = count % 3 === 0 ? "odd-one" : `like-${count % 3}`;
        const result: JobResult = {
          ...{ type: "trial", key: `k ${kernel}`, summary: "", columns: {}, versions: {}, evidence: "/x" },
          outcome: worker === "odd-one" ? "reproduced" : "clean",
          ...{ startedAt: new Date().toISOString(), took: 1, accelerator: wanted.accelerator },
          host: { cpu: "x", cores: 1, memory: 1, kernel: "6", system: "Debian", architecture: "x64" },
          ...{ cell: claim.data.cell, ranBy: "matrix" },
        };
        expect(await own.settle(claim, worker, result)).toBe(true);
        count += 1;
      }
    }
    await own[Symbol.asyncDispose]();
  };
  const [rows] = await Promise.all([running, work()]);
  expect(rows[0]?.tally).toMatchObject({ reproduced: 8, clean: 16 });
  const told = events.flatMap((event) =>
    event.type === "note" && /is unlike the others/.test(event.text) ? [event.text] : [],
  );
  expect(told.filter((text) => text.includes("the host of odd-one is unlike the others"))).toHaveLength(1);
  expect(told.join("\n")).not.toContain("like-1");
});

test("a worker whose queue another dstate takes over says so and ends with exit code 2", async () => {
  await using _queue = await open();
  const { child, said } = await startWorker("overtaken", "6.1.148");
  await expect.poll(said, { timeout: 40_000 }).toContain("overtaken listens to");
  const change = async (version: string): Promise<void> => {
    const ended = spawn("psql", [postgres.url, "-c", `UPDATE dstate.about SET dstate = '${version}'`]);
    await once(ended, "exit");
  };
  await change("99.0.0");
  onTestFinished(async () => await change(ownVersion()));
  const [code] = await once(child, "exit");
  expect(said()).toContain("is of dstate 99.0.0, and this is");
  expect(code).toBe(2);
});
