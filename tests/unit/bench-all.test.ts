import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { benchAll } from "../../src/bench/all.ts";
import { writeMadeLog } from "../../src/bench/made-log.ts";
import { openLogFile } from "../../src/log/open.ts";
import { readLog } from "../../src/log/read.ts";

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
  const [help, small] = await benchAll(
    { only: ["start"], runs: 2, against: context.settings.homeDir },
    context,
  );
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
