import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { createTar } from "nanotar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { DeadlineError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { leastSeconds, simulateCampaign } from "../../src/bench/queue-simulation.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { runMatrix } from "../../src/campaign/matrix/run.ts";
import { parseQueueAddress } from "../../src/queue/address.ts";
import { unpackEvidence } from "../../src/queue/evidence.ts";
import { bringEvidence, type SentEvidence, sendEvidence } from "../../src/queue/home.ts";
import { type Claim, Queue } from "../../src/queue/queue.ts";
import { Results } from "../../src/queue/results.ts";
import { triesByQueue } from "../../src/queue/tries.ts";
import { fisher, type Seen, unlikeWorkers } from "../../src/queue/unlike.ts";
import {
  type Abilities,
  canDo,
  isCheaperElsewhere,
  type JobData,
  type JobResult,
  jobId,
  type Needs,
  queueOf,
  type TrialOf,
} from "../../src/queue/work.ts";
import { findRepro } from "../../src/repro/find.ts";
import { readSources } from "./house.ts";
import { lineTo, type RunningPostgres, startPostgres } from "./postgres.ts";
import { startRegistry } from "./registry.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const { signal } = new AbortController();
let home = "";
let postgres: RunningPostgres;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "dstate-queue-"));
  await run("chmod", ["755", home]);
  postgres = await startPostgres(home);
}, 120_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

async function run(
  program: string,
  argv: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return await new Promise((resolve) => {
    const env = { ...process.env, DSTATE_LOGS: join(home, "logs"), DSTATE_CACHE: join(home, "cache") };
    const child = execFile(program, argv, { env, cwd: home }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
const sql = async (text: string): Promise<string> =>
  (await run("psql", [postgres.url, "-At", "-c", text])).stdout.trim();

const open = async (url = postgres.url): Promise<Queue> => await Queue.open(url, { signal });

const cell = { kernel: "6.1.129", env: {}, image: "debian", axes: {} } as const;
const needsOf = (kernel: string): Needs => ({
  task: "trial",
  architecture: "x86-64",
  accelerator: "tcg",
  memory: 2 ** 30,
  kernel,
});
const data: JobData = { definition: "steady abc", cell, ranBy: "matrix", cold: false };
const trial = (summary: string): JobResult => ({
  type: "trial",
  key: "k",
  outcome: "clean",
  summary,
  columns: {},
  versions: {},
  evidence: "/logs/x",
  startedAt: "2026-11-26T08:00:00.000Z",
  took: 1,
  host: { cpu: "x", cores: 1, memory: 1, kernel: "6", system: "Debian", architecture: "x64" },
  accelerator: "tcg",
  cell,
  ranBy: "matrix",
});

/** A job of a queue of its own, taken by somebody. */
async function taken(queue: Queue, name: string): Promise<Claim> {
  const needs = needsOf(name);
  await queue.ask(jobId("trial", name), needs, data);
  const claim = await queue.take(queueOf(needs), needs);
  if (!claim) throw new Error("the job is not there");
  return claim;
}

describe("a job", () => {
  test("and what came of it are settled in one step, once, by who has it", async () => {
    await using queue = await open();
    const claim = await taken(queue, "once");
    expect(await queue.settle(claim, "w1", trial("first"))).toBe(true);
    // As after a commit whose answer was lost.
    expect(await queue.settle(claim, "w1", trial("again"))).toBe(true);
    expect(await queue.settle(claim, "w2", trial("another"))).toBe(false);
    const found = await queue.resultsOf([claim.id]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ worker: "w1", result: { summary: "first" } });
  });

  test("that cannot be written down is not ended either", async () => {
    await using queue = await open();
    const claim = await taken(queue, "unwritten");
    // What PostgreSQL's jsonb does not take.
    await expect(queue.settle(claim, "w1", trial("a\u0000b"))).rejects.toThrow();
    expect(await queue.resultsOf([claim.id])).toEqual([]);
    expect(await queue.hold(claim)).toBe(true);
    expect(await queue.settle(claim, "w1", trial("ab"))).toBe(true);
  });

  test("that is asked for twice is there once", async () => {
    await using queue = await open();
    const needs = needsOf("twice");
    for (let time = 0; time < 3; time += 1) await queue.ask(jobId("trial", "twice"), needs, data);
    expect(await queue.take(queueOf(needs), needs)).toBeDefined();
    expect(await queue.take(queueOf(needs), needs)).toBeUndefined();
  });

  test("that is given back is another's, and the first one's result does not count", async () => {
    await using queue = await open();
    const first = await taken(queue, "back");
    await queue.giveBack(first);
    const second = await queue.take(first.queue, first.needs);
    expect(second).toMatchObject({ id: first.id, retryCount: 1 });
    expect(await queue.hold(first)).toBe(false);
    expect(await queue.settle(first, "w1", trial("late"))).toBe(false);
    expect(await queue.resultsOf([first.id])).toEqual([]);
    expect(second && (await queue.settle(second, "w2", trial("counts")))).toBe(true);
    expect(await queue.resultsOf([first.id])).toMatchObject([
      { worker: "w2", result: { summary: "counts" } },
    ]);
  });

  test("of a worker that says nothing any more is another's after a while", async () => {
    await using queue = await open();
    const first = await taken(queue, "silent");
    let second: Claim | undefined;
    await expect
      .poll(async () => (second ??= await queue.take(first.queue, first.needs)), {
        interval: 1000,
        timeout: 55_000,
      })
      .toMatchObject({ id: first.id, retryCount: 1 });
    expect(await queue.settle(first, "w1", trial("late"))).toBe(false);
  }, 90_000);

  test("that was taken by several at once is one's", async () => {
    await using queue = await open();
    const needs = needsOf("many");
    const ids = Array.from({ length: 30 }, (_, index) => jobId("trial", ["many", index]));
    for (const id of ids) await queue.ask(id, needs, data);
    const worker = async (name: string): Promise<void> => {
      await using own = await open();
      for (;;) {
        const claim = await own.take(queueOf(needs), needs);
        if (!claim) return;
        await own.settle(claim, name, trial(name));
      }
    };
    await Promise.all(["a", "b", "c", "d"].map(worker));
    const found = await queue.resultsOf(ids);
    expect(found.map(({ job }) => job).sort()).toEqual([...ids].sort());
  });
});

describe("the evidence of a trial", () => {
  const folder = async (name: string): Promise<string> => {
    const dir = join(home, name);
    await mkdir(join(dir, "processes"), { recursive: true });
    await mkdir(join(dir, "kept"));
    await writeFile(join(dir, "kernel.log"), "[    1.0] task stuck\n");
    await writeFile(join(dir, "processes/node.txt"), "D\n");
    await writeFile(join(dir, "run.json"), "{}");
    await writeFile(join(dir, "kept/client-key"), "secret");
    await writeFile(join(dir, "large.bin"), randomBytes(3_000_000));
    return dir;
  };
  const contextOf = (who: string, env: Readonly<Record<string, string>> = {}): Context => ({
    settings: readSettings({ ...process.env, DSTATE_CACHE: join(home, who), ...env }),
    progress: silent,
    signal,
  });
  const resultFrom = (home: SentEvidence["home"]): TrialOf =>
    ({ ...trial("x"), home, evidence: "/logs/x" }) as TrialOf;

  test("comes home by the database, in the transaction of its record, without what is large or secret", async () => {
    await using queue = await open();
    const claim = await taken(queue, "evidence");
    const dir = await folder("there");
    await writeFile(join(dir, "huge.bin"), randomBytes(5_000_000));
    const { home: place, bytes } = await sendEvidence(claim, dir, contextOf("w1"));
    expect(place).toMatchObject({ type: "database", left: [{ path: "huge.bin", bytes: 5_000_000 }] });
    // An attempt that does not count leaves none.
    const late = { ...claim, retryCount: claim.retryCount + 1 };
    expect(await queue.settle(late, "w2", trial("late"), bytes)).toBe(false);
    expect(await queue.evidenceOf(claim.id)).toBeUndefined();
    expect(await queue.settle(claim, "w1", resultFrom(place), bytes)).toBe(true);
    const to = join(home, "home");
    await mkdir(to);
    const about = { job: claim.id, worker: "w1", result: resultFrom(place) };
    expect(await bringEvidence(about, to, queue, contextOf("asks"))).toEqual({ place: to });
    expect((await readdir(to, { recursive: true })).sort()).toEqual([
      "evidence-of-worker.json",
      "kernel.log",
      "large.bin",
      "processes",
      "processes/node.txt",
      "worker-run.json",
    ]);
    expect(await readFile(join(to, "kernel.log"), "utf8")).toContain("task stuck");
  });

  test("comes home by the registry that both have, also when it is too large for a database", async () => {
    await using registry = await startRegistry(join(home, "registry"));
    const env = { DSTATE_CACHE_REGISTRY: registry.address };
    await using queue = await open();
    const claim = await taken(queue, "in a registry");
    const dir = await folder("large");
    await writeFile(join(dir, "huge.bin"), randomBytes(5_000_000));
    const sent = await sendEvidence(claim, dir, contextOf("w1", { ...env, DSTATE_CACHE_PUSH: "1" }));
    expect(sent.bytes).toBeUndefined();
    expect(sent.home).toMatchObject({ type: "registry", left: [] });
    const about = { job: claim.id, worker: "w1", result: resultFrom(sent.home) };
    const to = join(home, "home-of-large");
    await mkdir(to);
    expect(await bringEvidence(about, to, queue, contextOf("asks", env))).toEqual({ place: to });
    expect((await stat(join(to, "huge.bin"))).size).toBe(5_000_000);
    // Who has another registry, or none, is told where it is, and asks nobody whom the database names.
    const none = await bringEvidence(about, to, queue, contextOf("asks"));
    expect(none.place).toMatch(/^oci:.*@sha256:/);
    expect(none.why).toContain("is not the registry of DSTATE_CACHE_REGISTRY here");
  });

  test("is said to be on the worker where it could not be sent", async () => {
    await using queue = await open();
    const result = { ...resultFrom({ type: "worker" }) };
    const about = { job: jobId("trial", "stays"), worker: "w1", result };
    expect((await bringEvidence(about, home, queue, contextOf("asks"))).place).toBe("w1:/logs/x");
    const gone = { ...about, result: resultFrom({ type: "database", left: [] }) };
    expect(await bringEvidence(gone, home, queue, contextOf("asks"))).toEqual({
      place: "w1:/logs/x",
      why: "the database has it no longer",
    });
  });

  test.each(["../x", "/x", "a/../../x"])("with a file %s stays in its folder", async (name) => {
    const to = join(home, "inside", "deep");
    await unpackEvidence(gzipSync(createTar([{ name, data: "climbed" }])), to);
    expect(await readFile(join(to, "x"), "utf8")).toBe("climbed");
    expect(await readdir(join(home, "inside"))).toEqual(["deep"]);
  });

  test("that is no archive, or has more than files in it, is refused, and nothing of it is written", async () => {
    const to = join(home, "refused");
    const archive = gzipSync(createTar([{ name: "good", data: "x" }, { name: "folder" }]));
    await expect(unpackEvidence(archive, to)).rejects.toThrow("has more in it than files");
    await expect(unpackEvidence(Buffer.from("no archive"), to)).rejects.toThrow("is no archive");
    await expect(stat(to)).rejects.toThrow("ENOENT");
  });
});

describe("who waits for a result", () => {
  test("has it the moment it is there, also when the database was started anew meanwhile", async () => {
    await using queue = await open();
    await using other = await open();
    const claim = await taken(other, "restart");
    using results = new Results(queue, signal);
    const waiting = results.of(claim.id, claim.needs);
    await postgres.restart();
    await other.insist("the queue", signal, () => other.settle(claim, "w1", trial("after")));
    expect(await waiting).toMatchObject({ worker: "w1" });
  });

  test("is told when no worker brought it to its end", async () => {
    await using queue = await open();
    const claim = await taken(queue, "lost");
    await sql(`UPDATE dstate_jobs.job SET retry_limit = 0 WHERE id = '${claim.id}'`);
    await queue.giveBack({ ...claim });
    using results = new Results(queue, signal);
    await expect(results.of(claim.id, claim.needs)).rejects.toThrow(/no worker brought this to its end/);
  });

  test("is not kept when it is interrupted", async () => {
    await using queue = await open();
    const stop = new AbortController();
    using results = new Results(queue, stop.signal);
    const waiting = results.of(jobId("trial", "nobody"), needsOf("nobody"));
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

describe("who asks for trials and is interrupted", () => {
  test("takes back what nobody has begun, kernels of several cells that were asked for at once", async () => {
    const found = await findRepro("io-uring-dstate");
    const stop = new AbortController();
    const settings = readSettings({
      ...process.env,
      DSTATE_CACHE: join(home, "asks"),
      DSTATE_LOGS: join(home, "asks"),
    });
    const context = { settings, progress: silent, signal: stop.signal };
    using ledger = Ledger.inMemory();
    const queue = await Queue.open(postgres.url, { signal });
    const cells = ["6.1.100", "6.1.101", "6.1.102"].map((each) => ({
      ...cell,
      node: "20.9.0",
      kernel: each,
    }));
    const plan = { trials: 1, confidence: 0.95, full: false };
    const running = runMatrix(
      { found, cells, plan, jobs: 4, open: triesByQueue(queue, found) },
      ledger,
      context,
    );
    const left = async (): Promise<string> =>
      await sql("SELECT count(*) FROM dstate_jobs.job WHERE name LIKE 'build-%' AND state = 'created'");
    await expect.poll(left, { interval: 200 }).toBe("3");
    stop.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    await queue[Symbol.asyncDispose]();
    expect(await left()).toBe("0");
  });
});

describe("a line that is cut", () => {
  test("is noticed by who holds a job, and mended lets it go on", async () => {
    await using line = await lineTo(postgres);
    await using queue = await open(line.url);
    const claim = await taken(queue, "line");
    line.cut();
    const held = Promise.race([
      queue.hold(claim),
      new Promise((_, reject) => setTimeout(() => reject(new DeadlineError("the queue", 1000)), 1000)),
    ]);
    await expect(held).rejects.toThrow(DeadlineError);
    line.mend();
    expect(await queue.insist("the queue", signal, () => queue.settle(claim, "w1", trial("mended")))).toBe(
      true,
    );
  });
});

describe("a queue that is not to be used ends with a sentence:", () => {
  const url = (change: (url: string) => string): string => change(postgres.url);
  test.each([
    ["no address", () => "http://x", 2, "is no address of a queue"],
    [
      "a wrong password",
      () => url((text) => text.replace("secret", "wrong")),
      2,
      "password authentication failed",
    ],
    ["no such database", () => url((text) => text.replace(/postgres$/, "nowhere")), 2, "does not exist"],
    ["nobody there", () => "postgres://dstate:secret@127.0.0.1:1/postgres", 70, "cannot be used"],
  ])("%s", async (_name, address, code, sentence) => {
    for (const command of [["worker"], ["matrix", "io-uring-dstate"]]) {
      const ended = await run(process.execPath, [bin, ...command, "--queue", address()]);
      expect(ended.stderr).toContain(sentence);
      expect(ended.stderr).not.toContain("secret");
      expect(ended.code).toBe(code);
    }
  });

  test.each([
    ["an older schema", "version = 0", 70, "is of an older dstate"],
    ["a newer schema", "version = 99", 70, "is of a newer dstate"],
    ["another dstate", "dstate = '0.0.1'", 2, "is of dstate 0.0.1, and this is"],
  ])("%s", async (_name, change, code, sentence) => {
    await (await open())[Symbol.asyncDispose]();
    const before = (await sql("SELECT version, dstate FROM dstate.about")).split("|");
    await sql(`UPDATE dstate.about SET ${change}`);
    try {
      const ended = await run(process.execPath, [bin, "worker", "--queue", postgres.url]);
      expect(ended.stderr).toContain(sentence);
      expect(ended.code).toBe(code);
    } finally {
      await sql(`UPDATE dstate.about SET version = ${before[0]}, dstate = '${before[1]}'`);
    }
  });

  test("and shows no password where it is named", () => {
    expect(parseQueueAddress("postgres://me:secret@db:5/x?sslmode=require").shown).toBe(
      "postgres://me@db:5/x",
    );
  });
});

describe("a worker", () => {
  const abilities: Abilities = {
    architecture: "x86-64",
    accelerator: "tcg",
    memory: 2 ** 31,
    kernels: ["6.1.129"],
    shares: false,
    buildSeconds: 300,
    free: 1,
  };
  const others = [{ ...abilities, kernels: ["6.1.115"] }];
  test.each<[string, Partial<Needs>, Partial<Abilities>, boolean]>([
    ["takes what it has the kernel for", {}, {}, true],
    ["leaves a kernel that it has not", { kernel: "6.1.115" }, {}, false],
    ["takes it where it can have it from a registry", { kernel: "6.1.115" }, { shares: true }, true],
    ["builds a kernel that it has not", { kernel: "6.1.115", task: "build" }, {}, true],
    ["leaves what wants KVM", { accelerator: "kvm" }, {}, false],
    ["leaves all trials while it does not know what its KVM is worth", {}, { accelerator: "unknown" }, false],
    ["builds also then", { task: "build" }, { accelerator: "unknown" }, true],
    ["leaves what wants more memory than it has", { memory: 2 ** 32 }, {}, false],
    ["leaves another architecture", { architecture: "aarch64" }, {}, false],
  ])("%s", (_name, needs, own, can) => {
    expect(canDo({ ...needsOf("6.1.129"), ...needs }, { ...abilities, ...own }, true, others)).toBe(can);
  });

  test("takes a kernel's trial that it has not, once whoever built it is gone", () => {
    expect(canDo(needsOf("6.1.115"), abilities, true, [])).toBe(true);
    expect(canDo(needsOf("6.1.115"), abilities, true, [{ kernels: ["6.1.129"] }])).toBe(true);
  });

  test.each<[string, Partial<Abilities>, Partial<Abilities>, number, boolean]>([
    ["does itself what is as dear elsewhere", {}, {}, 0, false],
    ["leaves it to one that has the kernel", {}, { kernels: ["6.1.115"] }, 0, true],
    ["does itself what it has", { kernels: ["6.1.115"] }, { kernels: ["6.1.115"] }, 0, false],
    ["leaves it to one that is twice as fast", {}, { buildSeconds: 150 }, 5, true],
    ["does not wait for one that is hardly faster", {}, { buildSeconds: 250 }, 0, false],
    ["does not wait for one that has its hands full", {}, { buildSeconds: 10, free: 0 }, 0, false],
    ["does not wait for another architecture", {}, { buildSeconds: 10, architecture: "aarch64" }, 0, false],
    ["does not wait for ever", {}, { kernels: ["6.1.115"] }, 31, false],
  ])("that could build %s", (_name, own, other, age, elsewhere) => {
    const build = { ...needsOf("6.1.115"), task: "build" } as const;
    const theirs = [{ ...abilities, ...other }];
    expect(isCheaperElsewhere(build, { ...abilities, ...own }, theirs, age)).toBe(elsewhere);
    expect(isCheaperElsewhere(needsOf("6.1.115"), { ...abilities, ...own }, theirs, age)).toBe(false);
  });

  test("takes a package's kernel without having it: nothing is built", () => {
    expect(canDo(needsOf("deb:6.12.43"), abilities, false, others)).toBe(true);
  });
});

describe("a host that is unlike the others", () => {
  const seen = (worker: string, reproduced: number, of: number): Seen[] =>
    Array.from({ length: of }, (_, index) => ({ worker, cell: "c", reproduced: index < reproduced }));

  test("is pointed out", () => {
    const found = unlikeWorkers([...seen("a", 1, 20), ...seen("b", 2, 20), ...seen("c", 19, 20)]);
    expect(found[0]).toMatchObject({ worker: "c", own: [19, 20], others: [3, 40] });
  });

  test("is not made up of chance: in one campaign of a thousand at the most", () => {
    let state = 7;
    const random = (): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    let wrong = 0;
    for (let campaign = 0; campaign < 2000; campaign += 1) {
      const trials = ["a", "b", "c"].flatMap((worker) =>
        Array.from({ length: 12 }, () => ({ worker, cell: "c", reproduced: random() < 0.3 })),
      );
      if (unlikeWorkers(trials).length > 0) wrong += 1;
    }
    expect(wrong).toBeLessThanOrEqual(5);
  });

  test("by chances that are Fisher's", () => {
    // A lady tasting tea: all eight cups right, by chance once in seventy, and as often all wrong.
    expect(fisher(4, 4, 0, 4)).toBeCloseTo(2 / 70, 10);
    fc.assert(
      fc.property(fc.nat(12), fc.nat(12), fc.nat(12), fc.nat(12), (a, more, b, rest) => {
        const chance = fisher(a, a + more, b, b + rest);
        expect(chance).toBeGreaterThan(0);
        expect(chance).toBeLessThanOrEqual(1);
        expect(chance).toBeCloseTo(fisher(b, b + rest, a, a + more), 9);
      }),
    );
  });
});

test("nobody who names no queue loads its client", async () => {
  const sources = await readSources();
  const importers = await Promise.all(
    sources.map(async ({ path }) => {
      const text = await readFile(new URL(`../../src/${path}`, import.meta.url), "utf8");
      return {
        path,
        loads: /^(?:import|export) (?!type)[^;]*from "(?:pg-boss|[^"]*\/queue\/[^"]*)"/m.test(text),
      };
    }),
  );
  const loading = importers
    .filter(({ path, loads }) => loads && !path.startsWith("queue/"))
    .map(({ path }) => path);
  // The worker's own command, which is loaded when it is the one that is named.
  expect(loading).toEqual(["bench/queue-cost.ts", "cli/worker.ts"]);
});

describe("a simulated campaign", () => {
  const campaign = { kernels: 20, trials: 100, build: 300, trial: 20, queue: 0.005, seed: 1 };

  test("takes no less than theory allows, and little more where workers bind", () => {
    for (const workers of [1, 2, 5, 10, 20, 50, 200]) {
      const least = leastSeconds({ ...campaign, workers });
      const { seconds } = simulateCampaign({ ...campaign, workers });
      expect(seconds / least.seconds).toBeGreaterThan(0.97);
      if (least.bound === "workers" && workers <= 20) expect(seconds / least.seconds).toBeLessThan(1.1);
    }
  });

  test("grows no faster than its workers, and stops at the builds", () => {
    const at = (workers: number): number => simulateCampaign({ ...campaign, workers }).trialsPerHour;
    expect(at(10) / at(1)).toBeGreaterThan(9);
    expect(at(10) / at(1)).toBeLessThan(10.5);
    expect(at(1000)).toBeLessThan((3600 * 2000) / 300);
  });

  test("is the same for the same seed", () => {
    expect(simulateCampaign({ ...campaign, workers: 7 })).toEqual(
      simulateCampaign({ ...campaign, workers: 7 }),
    );
  });
});
