import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { isRange, parseRange } from "../../src/campaign/bisect/range.ts";
import { definitionOf } from "../../src/campaign/cell-key.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { lineOf, type MapLine } from "../../src/campaign/map/places.ts";
import { runMap } from "../../src/campaign/map/run.ts";
import { linesOfShard, mapShardRecord } from "../../src/campaign/map/shard.ts";
import type { Cell } from "../../src/lab/cell.ts";
import { Run } from "../../src/record/run.ts";
import { mapRecord } from "../../src/report/run-facts.ts";
import { findRepro } from "../../src/repro/find.ts";
import { documentIn } from "./documents.ts";
import { madeUpTries } from "./made-up-tries.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const cell: Cell = { kernel: "6.1.100", node: "20.9.0", env: {}, image: "debian", axes: {} };

/** A line of releases, as sources have them. */
function line(series: string, count: number, distro?: string): MapLine {
  const kernels = Array.from({ length: count }, (_, index) => `${series}.${100 + index}`).map((version) => ({
    selector: distro === undefined ? version : `deb:${version}`,
    version,
    source: "a test",
  }));
  const list =
    distro === undefined
      ? { releases: kernels, packages: [], cached: [] }
      : { releases: [], packages: kernels, cached: [] };
  return lineOf(series, distro, list, cell);
}
const versions = (lines: readonly MapLine[]): string[] =>
  lines.flatMap(({ name, places }) =>
    places.map(({ cell: { kernel } }) => `${name.replace(/^[^,]*/, "")} ${kernel}`),
  );

describe("the shards of a map", () => {
  test("have every release once, whole lines where there are enough, and are about even", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 9 }), (counts, of) => {
        const lines = counts.map((count, index) =>
          line(`6.${index}`, count, index % 2 ? "debian" : undefined),
        );
        const shards = Array.from({ length: of }, (_, index) =>
          linesOfShard(lines, { number: index + 1, of }),
        );
        expect(shards.flatMap(versions)).toEqual(versions(lines));
        for (const part of shards.flat()) {
          expect(part.places.length).toBeGreaterThan(0);
          const whole = lines.find(({ name }) => name === part.name);
          if (whole) expect(part.places).toHaveLength(whole.places.length);
          // What is cut is named as it could be asked for.
          else if (part.places.length > 1) expect(parseRange(part.name.replace(/,.*/, ""))).toBeDefined();
        }
        if (lines.length >= of) expect(shards.flat().every(({ name }) => !isRange(name))).toBe(true);
        else {
          const lengths = shards.map((shard) => shard.reduce((sum, { places }) => sum + places.length, 0));
          expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("are cut in ranges of one line", () => {
    const names = [1, 2, 3].map((number) => linesOfShard([line("6.1", 10)], { number, of: 3 })[0]?.name);
    expect(names).toEqual(["6.1.100..6.1.102", "6.1.103..6.1.105", "6.1.106..6.1.109"]);
    expect(linesOfShard([line("6.1", 4, "debian")], { number: 2, of: 2 })[0]?.name).toBe(
      "6.1.102..6.1.103, debian",
    );
    expect(linesOfShard([line("6.1", 1)], { number: 1, of: 2 })).toEqual([]);
  });

  test("are joined by dstate merge into one run, whose ledger the whole map counts", async () => {
    const dir = await mkdtemp(join(tmpdir(), "dstate-map-shard-"));
    onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
    const found = await findRepro("io-uring-dstate");
    const definition = await definitionOf(found);
    const all = [line("6.1", 16)];
    const { signal } = new AbortController();
    const open = madeUpTries(definition, (patch) => patch >= 104 && patch <= 110);
    const plan = { confidence: 0.99, leastRate: 0.3, budget: 200, builds: 100 };
    const map = async (logs: string, lines: readonly MapLine[], shard?: { number: number; of: number }) => {
      const context = { settings: { ...readSettings(), logsDir: join(dir, logs) }, progress: silent, signal };
      using ledger = await Ledger.open(context);
      const part = shard && mapShardRecord(shard, { definition, lines: all, plan });
      const command = [
        "dstate",
        "map",
        "io-uring-dstate",
        "--series",
        "6.1",
        ...(shard ? ["--shard", `${shard.number}/${shard.of}`] : []),
      ];
      await using run = await Run.open(
        { kind: "map", about: found.repro.id, file: found.file, shard: part, command },
        context,
      );
      const done = await runMap({ found, lines, ...plan, jobs: 1, run, open }, ledger, context);
      run.tell({ matrix: mapRecord(done.lines, plan.confidence) });
      await run.finish();
      return done;
    };
    let trials = 0;
    for (const number of [1, 2]) {
      const shard = { number, of: 2 };
      const done = await map(`shard-${number}`, linesOfShard(all, shard), shard);
      expect(done.stopped).toBe("done");
      trials += done.newTrials;
    }
    const merge = async (...dirs: string[]) =>
      await new Promise<{ code: number | null; stdout: string }>((resolve) => {
        const env = { ...process.env, DSTATE_LOGS: join(dir, "logs") };
        const child = execFile(
          process.execPath,
          [bin, "merge", ...dirs],
          { env, cwd: dir },
          (_error, stdout) => resolve({ code: child.exitCode, stdout }),
        );
      });
    const half = await merge(join(dir, "shard-1"), "--json");
    expect(half.code).toBe(70);
    expect(documentIn("merge", half.stdout).shards).toMatchObject({ of: 2, missing: [2] });
    await rm(join(dir, "logs"), { recursive: true });
    const { code, stdout } = await merge(join(dir, "shard-1"), join(dir, "shard-2"));
    expect(stdout).toContain("line by line: dstate map io-uring-dstate --series 6.1\n");
    expect(stdout).toContain(`ledger: ${trials} trials are new, 0 were there`);
    expect(code).toBe(0);
    const whole = await map("logs", all);
    expect(whole.lines[0]?.map.intervals.map(({ state, from, to }) => [state, from, to])).toEqual([
      ["good", 0, 3],
      ["bad", 4, 10],
      ["good", 11, 15],
    ]);
    expect(whole.newTrials).toBeLessThan(4);
  }, 60_000);
});

test("a line of a map takes fewer trials when another of its lines has shown how often the bug shows", async () => {
  const dir = await mkdtemp(join(tmpdir(), "dstate-map-lines-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
  const found = await findRepro("io-uring-dstate");
  const hasIt = (patch: number): boolean => patch >= 104 && patch <= 110;
  const open = madeUpTries(await definitionOf(found), hasIt, { builds: true });
  const plan = { confidence: 0.99, leastRate: 0.1, budget: 400, builds: 100, jobs: 1 };
  const map = async (logs: string, names: readonly string[]) => {
    const settings = { ...readSettings(), logsDir: join(dir, logs) };
    const context = { settings, progress: silent, signal: new AbortController().signal };
    using ledger = await Ledger.open(context);
    const lines = names.map((name) => line(name, 16));
    const done = await runMap({ found, lines, ...plan, open }, ledger, context);
    const mapped = done.lines.at(-1);
    return {
      intervals: mapped?.map.intervals.map(({ state, from, to }) => [state, from, to]),
      clean: mapped?.releases.reduce((sum, { seen }) => sum + seen.clean, 0) ?? 0,
    };
  };
  const alone = await map("alone", ["6.6"]);
  await map("both", ["6.1"]);
  const both = await map("both", ["6.1", "6.6"]);
  expect(both.intervals).toEqual(alone.intervals);
  expect(both.clean).toBeLessThan(alone.clean);
}, 60_000);
