import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { benchAll } from "../../src/bench/all.ts";
import { bisectionSteps } from "../../src/bench/bisection-steps.ts";
import { writeMadeLog } from "../../src/bench/made-log.ts";
import { openLogFile } from "../../src/log/open.ts";
import { readLog } from "../../src/log/read.ts";
import { renderBenchAll } from "../../src/report/bench-all.ts";

const { signal } = new AbortController();
const context = { settings: readSettings(), progress: silent, signal };

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "dstate-bench-test-"));
  onTestFinished(async () => await rm(dir, { recursive: true }));
  return dir;
}

test("the log that is measured is healthy but for the hung tasks that were put into it", async () => {
  const path = join(await folder(), "made.log");
  await writeMadeLog(path, 1_000_000, { signal });
  const report = await readLog(await openLogFile(path, { signal }), { signal });
  expect(report.bytes).toBeGreaterThanOrEqual(1_000_000);
  expect(report.groups.map(({ finding }) => finding.kind)).toEqual(["hung-task"]);
  expect(report.total).toBe(Math.floor(report.lines / 5000));
});

test("a dstate that is measured against itself takes turns, and the medians' ratio is told", async () => {
  const { rows, failures } = await benchAll(
    { only: ["start"], runs: 2, against: context.settings.homeDir },
    context,
  );
  const [help, small] = rows;
  expect(failures).toEqual([]);
  expect([help?.ours.n, help?.theirs?.n, small?.ours.n]).toEqual([2, 2, 2]);
  expect(help?.ratio).toBe((help?.ours.median ?? 0) / (help?.theirs?.median ?? 1));
});

test("a folder that is no checkout is refused before anything is measured", async () => {
  const against = await folder();
  await expect(benchAll({ only: ["start"], runs: 1, against }, context)).rejects.toMatchObject({
    name: "UsageError",
    message: `${against} is no checkout of dstate: it has no bin/dstate.mjs`,
  });
});

test("what fails in the other checkout is told, and what this one took stands without a ratio", async () => {
  const against = await folder();
  await mkdir(join(against, "bin"));
  await writeFile(join(against, "bin/dstate.mjs"), "console.error('no such thing'); process.exit(70);");
  const { rows, failures } = await benchAll({ only: ["start"], runs: 1, against }, context);
  expect(failures).toEqual([
    { name: "start", checkout: against, message: expect.stringMatching(/exit code 70: no such thing/) },
  ]);
  expect(rows.map(({ ours, theirs, ratio }) => [ours.n, theirs, ratio])).toEqual([
    [1, undefined, undefined],
    [1, undefined, undefined],
  ]);
  expect(renderBenchAll({ rows, failures }, { width: 80, against })).toContain(
    `start was not measured in ${against}: `,
  );
});

test("steps of a bisection are refused where nobody named commits", async () => {
  await expect(benchAll({ only: ["steps"] }, context)).rejects.toMatchObject({
    name: "UsageError",
    message: "`steps` builds commits, and none are named",
  });
});

test("a bisection's steps begin with the newest commit, halve what is left, and build none twice", () => {
  const commits = Array.from({ length: 137 }, (_, index) => `c${index}`);
  const steps = bisectionSteps(commits);
  expect(steps.slice(0, 3)).toEqual(["c136", "c67", "c33"]);
  expect(steps.length).toBeGreaterThanOrEqual(10);
  expect(new Set(steps).size).toBe(steps.length);
  expect(steps.every((commit) => commits.includes(commit))).toBe(true);
  expect(bisectionSteps(["a"])).toEqual(["a"]);
  expect(bisectionSteps(["a", "b"])).toEqual(["b", "a"]);
});
