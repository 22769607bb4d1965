import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isValid, validate } from "ctrf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { readRun } from "../../src/record/read-run.ts";
import type { RunRecord, TrialRecord } from "../../src/record/run-record.ts";
import { renderCtrf } from "../../src/report/ci/ctrf.ts";
import { renderJunit } from "../../src/report/ci/junit.ts";
import { reporters, writeReports } from "../../src/report/ci/reporters.ts";
import { renderSummary } from "../../src/report/ci/summary.ts";
import { statusOf } from "../../src/report/ci/verdict.ts";

const flagship = fileURLToPath(new URL("fixtures/runs/flagship", import.meta.url));
const schema = fileURLToPath(new URL("fixtures/junit/junit.xsd", import.meta.url));
let record: RunRecord;
let dir = "";
beforeAll(async () => {
  record = (await readRun(flagship)).record;
  dir = await mkdtemp(join(tmpdir(), "dstate-ci-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** The flagship's first trial with other outcomes. */
function withTrials(changes: readonly Partial<TrialRecord>[]): RunRecord {
  const [first] = record.trials;
  if (!first) throw new Error("the run has trials");
  return { ...record, trials: changes.map((change, index) => ({ ...first, number: index + 1, ...change })) };
}

async function lint(xml: string): Promise<void> {
  const file = join(dir, "junit.xml");
  await writeFile(file, xml);
  await command(["xmllint", "--noout", "--nonet", "--schema", schema, file], { within: "30s" });
}

describe("a trial as a test", () => {
  test.each([
    [
      { outcome: "reproduced", expected: "reproduced" },
      "passed",
      "as expected, also when the failure was expected",
    ],
    [{ outcome: "clean", expected: "reproduced" }, "failed", "when it is not as expected"],
    [
      { outcome: "inconclusive", expected: "clean" },
      "failed",
      "when it could not be judged and should have been clean",
    ],
    [{ outcome: "reproduced", expected: undefined }, "failed", "when it shows the failure"],
    [{ outcome: "clean", expected: undefined }, "passed", "when it does not show it"],
    [{ outcome: "inconclusive", expected: undefined }, "skipped", "when it could not be judged"],
    [
      { outcome: "infra-error", expected: "reproduced" },
      "error",
      "when our side failed, whatever was expected",
    ],
    [{ outcome: "clean", expected: undefined, state: "running" }, "error", "while it is not at its end"],
  ] as const)("%j is %s: %s", (trial, status, _why) => {
    expect(statusOf({ state: "ended", ...trial })).toBe(status);
  });
});

describe("JUnit XML", () => {
  test("is what the schema allows, for the flagship's run and for every outcome", async () => {
    await lint(renderJunit(record, "/logs/run"));
    const all = (["reproduced", "clean", "inconclusive", "infra-error", "passed", "failed"] as const).map(
      (outcome) => ({ outcome, expected: undefined }),
    );
    await lint(renderJunit(withTrials([...all, { state: "running" }]), "/logs/run"));
  });

  test("keeps each attempt as a test case of its own, with its time and its evidence", () => {
    const xml = renderJunit(withTrials([{ outcome: "clean" }, { outcome: "reproduced" }]), "/logs/run");
    expect(xml).toContain("(attempt 1 of 2)");
    expect(xml).toContain("(attempt 2 of 2)");
    expect(xml.match(/<testcase /g)).toHaveLength(2);
    expect(xml).toContain("evidence: /logs/run/1");
    expect(xml).toContain('time="');
  });

  test("stays well-formed whatever a guest said", async () => {
    const evil = ']]></failure><x a="1">&\u0000\u0007\ufffe\ud800 \x1b[31m\u202e';
    const xml = renderJunit(
      withTrials([{ outcome: "failed", expected: undefined, summary: evil, title: evil }]),
      "/l",
    );
    await lint(xml);
    expect(xml).not.toContain("<x a=");
  });

  test("that is not what the schema allows is refused: the check can fail", async () => {
    await expect(lint("<testsuites><testsuite name='x'/></testsuites>")).rejects.toThrow("xmllint");
  });
});

describe("CTRF", () => {
  test("is valid by the format's own library, for every outcome", () => {
    const all = (["reproduced", "clean", "inconclusive", "infra-error"] as const).map((outcome) => ({
      outcome,
    }));
    for (const run of [record, withTrials([...all, { state: "running" }])]) {
      const report: unknown = JSON.parse(renderCtrf(run, "/logs/run"));
      expect(validate(report).errors).toEqual([]);
      expect(isValid(report)).toBe(true);
    }
  });

  test("calls a cell flaky that shows both", () => {
    const mixed = [{ outcome: "clean" as const }, { outcome: "reproduced" as const }].map((one) => ({
      ...one,
      expected: undefined,
    }));
    const report = JSON.parse(renderCtrf(withTrials(mixed), "/l")) as {
      results: { tests: { flaky: boolean }[] };
    };
    expect(report.results.tests.map(({ flaky }) => flaky)).toEqual([true, true]);
  });
});

test("a job's summary is added to what others wrote, one row a cell, and nothing of a guest is markup in it", async () => {
  const file = join(dir, "summary.md");
  await writeFile(file, "before\n");
  await writeReports([{ name: "summary", file }], { record, dir: flagship });
  const text = await readFile(file, "utf8");
  expect(text).toMatch(/^before\n### dstate check: io-uring-dstate/);
  expect(text).toContain("| ✅ | kernel 6.1.115, node 20.9.0, workload lstat | 1 reproduced |");
  const evil = renderSummary(withTrials([{ summary: "<img src=x> | @me `x`" }]));
  expect(evil).not.toMatch(/<img|@me|[^\\]\| @/);
});

test("every reporter is one row that writes a file", async () => {
  for (const name of Object.keys(reporters) as (keyof typeof reporters)[]) {
    const file = join(dir, "deep", `${name}.out`);
    await writeReports([{ name, file }], { record, dir: flagship });
    expect((await readFile(file, "utf8")).length, name).toBeGreaterThan(100);
  }
});
