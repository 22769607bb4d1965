// node scripts/bench-sizes.ts: what grows with what. Simulated are the trials' outcomes, and for `jobs` the host.
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Candidate, commitCandidates } from "../src/campaign/bisect/candidates.ts";
import { chooseTest } from "../src/campaign/bisect/choose.ts";
import { mergedHistory } from "../src/campaign/bisect/history.ts";
import { initialBelief } from "../src/campaign/bisect/posterior.ts";
import { RateTable } from "../src/campaign/bisect/rates.ts";
import { Ledger } from "../src/campaign/ledger.ts";
import { ledgerPath, openLedgerFile } from "../src/campaign/ledger-file.ts";
import { ratesFrom } from "../src/campaign/map/least-rate.ts";
import { simulateMap } from "../src/campaign/map/simulate.ts";
import { driveMatrix } from "../src/campaign/matrix/drive.ts";
import { defaultJobs, runJobs, sparePlaces } from "../src/campaign/pool.ts";
import { contextOf } from "../src/lab/open.ts";
import { renderMatrix } from "../src/report/matrix.ts";
import { SimulatedHost } from "./simulated-host.ts";

const { values } = parseArgs({
  options: { only: { type: "string", default: "jobs,ledger,matrix,map,commits" } },
});
const chosen = values.only.split(",");
const context = contextOf({ progress: () => {} });
const dir = await mkdtemp(join(tmpdir(), "dstate-sizes-"));

async function took(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** The median of several. */
async function usually(work: () => unknown, times = 9): Promise<number> {
  const all: number[] = [];
  for (let time = 0; time < times; time += 1) all.push(await took(work));
  return all.toSorted((a, b) => a - b)[Math.floor(times / 2)] ?? 0;
}

const ms = (time: number): string => `${time.toFixed(time < 10 ? 2 : 0)} ms`;

/** Seconds of the flagship's trials, as docs/performance.md has them. A guest of two processors keeps 1.7 cores busy. */
const phases = {
  clean: { computes: 21.9, waits: 0.8 },
  reproduced: { computes: 6, waits: 60.6 },
} as const;

async function jobs(): Promise<void> {
  const shape = { cpus: 2, memory: 2 ** 30 };
  const places = [1, 2, 4, 8, 16];
  console.log(
    `\n| cores | outcome | ${places.join(" | ")} | not told |\n|${"---|".repeat(places.length + 3)}`,
  );
  for (const cores of [1, 2, 4, 8]) {
    const host = { cpus: cores, room: { type: "budget", bytes: 64 * 2 ** 30 } } as const;
    const usual = defaultJobs(shape, host);
    for (const [outcome, phase] of Object.entries(phases)) {
      const rates: string[] = [];
      for (const [jobs, spare] of [
        ...places.map((jobs) => [jobs, 0] as const),
        [usual, sparePlaces(usual, shape, host)] as const,
      ])
        rates.push((await trialsPerHour({ cores, jobs, spare, ...phase })).toFixed(0));
      console.log(`| ${cores} | ${outcome} | ${rates.join(" | ")} |`);
    }
  }
}

async function trialsPerHour(about: {
  readonly cores: number;
  readonly jobs: number;
  readonly spare: number;
  readonly computes: number;
  readonly waits: number;
}): Promise<number> {
  const host = new SimulatedHost(about.cores);
  const trials = 400;
  let left = trials;
  const { signal } = new AbortController();
  await host.run(
    runJobs({ jobs: about.jobs, spare: about.spare, signal }, async () => {
      if (left === 0) return undefined;
      left -= 1;
      return async (_signal, onlyWaits) => {
        await host.compute(about.computes, 1.7);
        if (about.waits > about.computes) onlyWaits();
        await host.wait(about.waits);
      };
    }),
  );
  return trials / (host.time / 3_600);
}

async function ledgers(): Promise<void> {
  console.log(
    "| trials | file | first opening | every other | trials of a cell (20) | of a repro (1,000) | one more |",
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const trials of [1_000, 10_000, 100_000, 1_000_000]) {
    const logsDir = join(dir, `ledger-${trials}`);
    await mkdir(logsDir);
    const settings = { ...context.settings, logsDir };
    const own = { ...context, settings };
    const path = ledgerPath(settings);
    {
      using database = await openLedgerFile(path, own);
      database.exec("BEGIN");
      const add = database.prepare(
        "INSERT INTO trials (repro, cell, outcome, summary, evidence, startedAt, took, ranBy) VALUES ('r', ?, ?, ?, ?, '2026-11-27T08:00:00.000Z', 20000, 'matrix')",
      );
      for (let trial = 0; trial < trials; trial += 1)
        add.run(
          `cell-${trial % (trials / 20)}`,
          trial % 3 === 0 ? "reproduced" : "clean",
          "exit code 0; power-off: off",
          `/home/user/logs/2026-11-27T08-00-00-r-${trial}/1`,
        );
      const name = database.prepare(
        "INSERT INTO cells (cell, definition, description) VALUES (?, ?, 'a cell')",
      );
      for (let cell = 0; cell < trials / 20; cell += 1)
        name.run(`cell-${cell}`, `definition-${Math.floor(cell / 50)}`);
      database.exec("COMMIT");
    }
    const first = await took(async () => (await Ledger.open(own))[Symbol.dispose]());
    const again = await usually(async () => (await Ledger.open(own))[Symbol.dispose]());
    using ledger = await Ledger.open(own);
    const ofCell = await usually(() => ledger.trialsOf("cell-7"));
    const ofRepro = await usually(() => ledger.trialsOfDefinition("definition-0"));
    const [sample] = ledger.trialsOf("cell-7");
    const add = await usually(() => sample && ledger.addTrial("r", sample));
    const size = spawnSync("du", ["-sm", path], { encoding: "utf8" }).stdout.split("\t")[0];
    console.log(
      `| ${trials.toLocaleString("en")} | ${size} MB | ${ms(first)} | ${ms(again)} | ${ms(ofCell)} | ${ms(ofRepro)} | ${ms(add)} |`,
    );
  }
}

async function matrices(): Promise<void> {
  console.log("\n| cells | scheduler, for a trial | table |\n|---|---|---|");
  const plan = { trials: 1, confidence: 0.95, full: false };
  for (const count of [1, 10, 100, 1_000, 10_000]) {
    const cells = Array.from({ length: count }, (_, index) => ({
      kernel: `6.1.${index}`,
      node: undefined,
      env: {},
      image: "debian" as const,
      axes: {},
    }));
    const start = performance.now();
    const rows = await driveMatrix(
      {
        cells,
        plan,
        jobs: 4,
        stop: new AbortController(),
        step: { update: () => {}, note: () => {} },
        onChange: () => {},
      },
      {
        isHere: () => true,
        earlier: async () => [],
        provide: async () => {},
        run: async () => ({ outcome: "clean", summary: "exit code 0", evidence: "logs/x" }),
      },
    );
    const each = (performance.now() - start) / count;
    const table = await took(() => renderMatrix(rows, { width: 120, plan }));
    console.log(`| ${count.toLocaleString("en")} | ${ms(each)} | ${ms(table)} |`);
  }
}

async function maps(): Promise<void> {
  console.log("\n| releases of a map | to decide on a trial | trials | builds |\n|---|---|---|---|");
  for (const releases of [25, 50, 100, 200, 400]) {
    const start = performance.now();
    const runs = 5;
    const { map } = simulateMap({
      releases,
      rate: 0.5,
      leastRate: 0.1,
      runs,
      confidence: 0.95,
      seed: 1,
      seconds: { build: 300, trial: 60 },
    });
    // The two bisections beside it take part of that.
    const each = (performance.now() - start) / (map.trials * runs);
    console.log(
      `| ${releases} | less than ${ms(each)} | ${map.trials.toFixed(1)} | ${map.builds.toFixed(1)} |`,
    );
  }
}

async function commits(): Promise<void> {
  console.log(
    "\n| commits of a range | to read them | to choose the first one to try | with merges of nine: to read | candidates | to choose |\n|---|---|---|---|---|---|",
  );
  for (const count of [100, 1_000, 10_000, 100_000]) {
    const cells: string[] = [count.toLocaleString("en")];
    for (const merged of [false, true]) {
      const tree = join(dir, `tree-${count}-${merged}`);
      makeTree(tree, count, merged);
      const cell = { kernel: "6.1.1", node: undefined, env: {}, image: "debian" as const, axes: {} };
      let found: readonly Candidate[] = [];
      const read = await took(async () => {
        found = await commitCandidates(tree, { left: "first", right: "main" }, cell, context);
      });
      const parents = found.map((candidate) => candidate.parents);
      const choose = await took(() =>
        chooseTest(initialBelief(mergedHistory(parents), new RateTable(ratesFrom(0.1)))),
      );
      cells.push(ms(read), ...(merged ? [(found.length - 1).toLocaleString("en")] : []), ms(choose));
    }
    console.log(`| ${cells.join(" | ")} |`);
  }
}

/** A history in a row, or one whose main line merges a branch of nine commits after the other. */
function makeTree(tree: string, count: number, merged: boolean): void {
  spawnSync("git", ["init", "--quiet", "--initial-branch=main", tree]);
  const who = "a <a@example.org> 1700000000 +0000";
  const lines: string[] = [];
  let main = 0;
  for (let mark = 1; mark <= count; mark += 1) {
    const isMerge = merged && mark % 10 === 0;
    const isSide = merged && !isMerge && mark > 1;
    const begins = mark % 10 === 1;
    const from = isMerge || begins ? main : mark - 1;
    lines.push(
      `commit refs/heads/${isSide ? "side" : "main"}\nmark :${mark}\ncommitter ${who}\ndata 7\nsubject\n` +
        `${from === 0 ? "" : `from :${from}\n`}${isMerge && mark > 10 ? `merge :${mark - 1}\n` : ""}` +
        `M 100644 inline ${isSide ? "side" : "Makefile"}\ndata ${String(mark).length}\n${mark}\n`,
    );
    if (!isSide) main = mark;
  }
  spawnSync("git", ["-C", tree, "fast-import", "--quiet"], { input: lines.join("\n") });
  const [first] = spawnSync("git", ["-C", tree, "rev-list", "--max-parents=0", "main"])
    .stdout.toString()
    .split("\n");
  spawnSync("git", ["-C", tree, "tag", "first", first ?? ""]);
  spawnSync("git", ["-C", tree, "reset", "--quiet", "--hard", "main"]);
}

try {
  if (chosen.includes("jobs")) await jobs();
  if (chosen.includes("ledger")) await ledgers();
  if (chosen.includes("matrix")) await matrices();
  if (chosen.includes("map")) await maps();
  if (chosen.includes("commits")) await commits();
} finally {
  await rm(dir, { recursive: true, force: true });
}
