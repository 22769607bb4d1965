import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { definitionOf } from "../../src/campaign/cell-key.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { driveMatrix } from "../../src/campaign/matrix/drive.ts";
import { cellsOfShard, parseShard, shardRecord } from "../../src/campaign/matrix/shard.ts";
import { recordTrial } from "../../src/campaign/record-trial.ts";
import { type Cell, describeCell } from "../../src/lab/cell.ts";
import { readRun } from "../../src/record/read-run.ts";
import { Run } from "../../src/record/run.ts";
import { matrixRecord } from "../../src/report/run-facts.ts";
import { findRepro } from "../../src/repro/find.ts";
import type { Outcome } from "../../src/repro/outcome.ts";
import { documentIn } from "./documents.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const found = await findRepro("io-uring-dstate");
const definition = await definitionOf(found);
const plan = { trials: 3, confidence: 0.95, full: false };
const cells: Cell[] = ["6.1.106", "6.1.115", "6.1.129"].flatMap((kernel) =>
  ["a", "b"].map((value) => ({
    kernel,
    node: "20.9.0",
    env: { V: value },
    image: "debian" as const,
    axes: {},
  })),
);

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-merge-test-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
});

/** A shard of the matrix whose trials are not run: they are written down as a run and a ledger write them. */
async function runShard(
  number: number,
  of: number,
  options: { readonly stopAfter?: number; readonly from?: readonly Cell[]; readonly logs?: string } = {},
): Promise<string> {
  const logsDir = options.logs ?? join(dir, `shard-${number}`);
  const from = options.from ?? cells;
  const stop = new AbortController();
  const context = {
    settings: { ...readSettings(), logsDir },
    progress: silent,
    signal: stop.signal,
  };
  using ledger = await Ledger.open(context);
  const shard = shardRecord({ number, of }, { definition, cells: from, plan });
  const about = { kind: "matrix", about: found.repro.id, file: found.file, shard };
  await using run = await Run.open(
    { ...about, command: ["dstate", "matrix", "io-uring-dstate", "--shard", `${number}/${of}`] },
    context,
  );
  run.tell({ matrix: matrixRecord([], plan) });
  let trials = 0;
  try {
    await driveMatrix(
      {
        cells: cellsOfShard(from, { number, of }),
        plan,
        jobs: 2,
        stop,
        step: { update: () => {}, note: () => {} },
        onChange: (rows) => run.tell({ matrix: matrixRecord(rows, plan) }),
      },
      {
        isHere: () => true,
        earlier: async () => [],
        provide: async () => {},
        run: async (cell) => {
          if (trials === options.stopAfter) stop.abort(new Error("stopped"));
          stop.signal.throwIfAborted();
          trials += 1;
          const outcome: Outcome = cell.kernel === "6.1.115" && cell.env.V === "a" ? "reproduced" : "clean";
          const running = await run.begin({ title: describeCell(cell), cell });
          await writeFile(join(running.dir, "console.log"), `${describeCell(cell)}\n`);
          const trial = {
            outcome,
            summary: `V is ${cell.env.V}`,
            evidence: running.dir,
            took: 1000 + trials,
          };
          const startedAt = new Date().toISOString();
          recordTrial(ledger, {
            ...trial,
            startedAt,
            definition,
            repro: found.repro.id,
            cell,
            kernel: undefined,
            accelerator: "tcg",
            ranBy: "matrix",
          });
          await running.ended(trial);
          return trial;
        },
      },
    );
    await run.finish();
  } catch (error) {
    await run.fail(error);
  }
  return logsDir;
}

async function dstate(
  ...argv: string[]
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, DSTATE_LOGS: join(dir, "logs") };
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv], { cwd: dir, env }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

const merge = async (...dirs: string[]) => {
  const ended = await dstate("merge", ...dirs, "--json");
  return { ...ended, document: documentIn("merge", ended.stdout) };
};

/** All trials of the ledger here, by cell. */
async function inLedger(): Promise<number> {
  using ledger = await Ledger.open({
    settings: { logsDir: join(dir, "logs") },
    progress: silent,
    signal: new AbortController().signal,
  });
  return ledger.trialsOfDefinition(definition).length;
}

describe("shards", () => {
  test("have every cell once, differ by one cell at most, and keep a kernel's cells together", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (kernels, of) => {
          const list = kernels.map((kernel, index) => ({
            kernel: `6.1.${kernel}`,
            node: undefined,
            env: { V: `${index}` },
            image: "debian" as const,
            axes: {},
          }));
          const shards = Array.from({ length: of }, (_, index) =>
            cellsOfShard(list, { number: index + 1, of }),
          );
          expect(new Set(shards.flat())).toEqual(new Set(list));
          expect(shards.flat()).toHaveLength(list.length);
          const sizes = shards.map(({ length }) => length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          // Each border between two shards goes through one kernel at most.
          const places = shards.map((shard) => new Set(shard.map(({ kernel }) => kernel)).size);
          const distinct = new Set(kernels).size;
          expect(places.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(distinct + of - 1);
        },
      ),
    );
  });

  test.each(["0/5", "6/5", "2", "2/", "-1/3", "1.5/3", "1/0", "a/b", "1/99999"])("%s is none", (text) => {
    expect(() => parseShard(text)).toThrow(/is no shard/);
  });
});

describe("dstate merge", () => {
  test("joins shards into one run with one page, all their trials in it and in the ledger once", async () => {
    const dirs = [await runShard(1, 2), await runShard(2, 2)];
    const { document, exitCode } = await merge(...dirs);
    expect(exitCode).toBe(1);
    expect(document).toMatchObject({
      runs: 2,
      trials: 18,
      doubles: 0,
      shards: { of: 2, missing: [], unfinished: [], cellsMissing: 0 },
      ledger: { added: 18, known: 0 },
    });
    expect(
      document.cells?.map(({ verdict, tally }) => `${verdict.type} ${tally.reproduced} ${tally.clean}`),
    ).toEqual([
      "not-seen 0 3",
      "not-seen 0 3",
      "fails-always 3 0",
      "not-seen 0 3",
      "not-seen 0 3",
      "not-seen 0 3",
    ]);
    const { record, state } = await readRun(document.run);
    expect(state).toBe("finished");
    expect(record.rerun).toBe("dstate matrix io-uring-dstate");
    expect(record.matrix?.cells).toHaveLength(6);
    for (const trial of record.trials) {
      // Its evidence came along.
      expect(await readFile(join(document.run, trial.folder, "console.log"), "utf8")).toBe(
        `${trial.title}\n`,
      );
      expect(Object.keys(record.workers ?? {})).toContain(trial.worker);
    }
    expect((await readFile(document.page, "utf8")).length).toBeGreaterThan(10_000);
    expect(await readdir(join(document.run, "repro"))).toContain("repro.ts");
    using ledger = await Ledger.open({
      settings: { logsDir: join(dir, "logs") },
      progress: silent,
      signal: new AbortController().signal,
    });
    for (const { evidence } of ledger.trialsOfDefinition(definition))
      expect(evidence).toContain(document.run);
  });

  test("counts no trial twice: not from copies, not from an earlier join, not when it is repeated", async () => {
    const [one, two] = [await runShard(1, 2), await runShard(2, 2)];
    const copy = join(dir, "copy");
    await cp(one, copy, { recursive: true });
    const first = await merge(one, two, copy);
    expect(first.document).toMatchObject({ trials: 18, doubles: 9, ledger: { added: 18, known: 9 } });
    const again = await merge(one, two, first.document.run);
    expect(again.document).toMatchObject({ trials: 18, doubles: 18, ledger: { added: 0, known: 36 } });
    expect(await inLedger()).toBe(18);
    const tallies = again.document.cells?.map(({ tally }) => tally.clean + tally.reproduced);
    expect(tallies).toEqual([3, 3, 3, 3, 3, 3]);
  }, 120_000);

  test("says which shard is missing and which ran to no end, and is not clean then", async () => {
    const clean = cells.filter(({ kernel }) => kernel !== "6.1.115");
    const dirs = [await runShard(1, 4, { from: clean }), await runShard(3, 4, { from: clean, stopAfter: 1 })];
    const { document, exitCode } = await merge(...dirs);
    expect(document).toMatchObject({
      shards: { of: 4, missing: [2, 4], unfinished: [3], cellsMissing: 2 },
    });
    expect(exitCode).toBe(70);
    const { record } = await readRun(document.run);
    expect(record).toMatchObject({ state: "failed", missingShards: [2, 4] });
    const told = await dstate("merge", ...dirs);
    expect(told.stdout).toContain("shards 2, 4 of 4 are missing; shard 3 of 4 ran to no end");
  }, 120_000);

  test("takes a shard that was run again for a whole one, and keeps the trials of both", async () => {
    const one = await runShard(1, 2, { stopAfter: 4 });
    await runShard(1, 2, { logs: one });
    const { document } = await merge(one, await runShard(2, 2));
    expect(document.shards).toMatchObject({ missing: [], unfinished: [] });
    expect(document.trials).toBe(4 + 18);
  });

  test("finds the artifacts of several jobs in one folder", async () => {
    await runShard(1, 2, { logs: join(dir, "artifacts/job-1/logs") });
    await runShard(2, 2, { logs: join(dir, "artifacts/job-2/logs") });
    expect((await merge("artifacts")).document).toMatchObject({ runs: 2, trials: 18 });
  });

  test.each([
    ["another campaign", async () => await runShard(2, 2, { from: cells.slice(1) }), "different campaigns"],
    ["another number of shards", async () => await runShard(2, 3), "one is of 2 shards, the other of 3"],
    ["an empty folder", async () => await mkdtemp(join(dir, "empty-")), "holds no run"],
    ["no folder", async () => join(dir, "nowhere"), "there is no folder"],
  ])("refuses %s in a sentence, exit code 2, and leaves nothing behind", async (_what, other, sentence) => {
    const one = await runShard(1, 2);
    const { exitCode, stderr } = await dstate("merge", one, await other());
    expect(stderr).toContain(sentence);
    expect(exitCode).toBe(2);
    expect(await readdir(join(dir, "logs")).catch(() => [])).toEqual([]);
  });

  test("joins what vitest's own shards left behind: a run for each test", async () => {
    for (const [index, name] of ["it ends", "it powers off"].entries()) {
      const settings = { ...readSettings(), logsDir: join(dir, `vitest-${index}`) };
      const about = { kind: "test", about: `test-${index}`, title: name };
      await using run = await Run.open(about, { settings, signal: new AbortController().signal });
      const trial = await run.begin({ title: name, folder: "." });
      await writeFile(join(trial.dir, "console.log"), name);
      await trial.ended({ outcome: index === 0 ? "passed" : "failed", summary: "", took: 1 });
      await run.finish();
    }
    const { document, exitCode } = await merge("vitest-0", "vitest-1");
    expect(document).toMatchObject({ trials: 2, runs: 2 });
    expect(document.shards).toBeUndefined();
    expect(exitCode).toBe(1);
    const { record } = await readRun(document.run);
    expect(record.trials.map(({ title, outcome }) => `${title}: ${outcome}`)).toEqual([
      "it ends: passed",
      "it powers off: failed",
    ]);
  });

  test("refuses a run whose trials lie outside of it", async () => {
    const one = await runShard(1, 1);
    const [run = ""] = (await readdir(one)).filter((name) => name.includes("io-uring"));
    const file = join(one, run, "run.json");
    await writeFile(file, (await readFile(file, "utf8")).replace('"folder": "1"', '"folder": "../.."'));
    const { exitCode, stderr } = await dstate("merge", one);
    expect(stderr).toContain("outside of it");
    expect(exitCode).toBe(2);
  });
});
