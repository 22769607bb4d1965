import { join } from "node:path";
import { sanitize } from "../../base/text.ts";
import type { RunRecord } from "../../record/run-record.ts";
import { type TestStatus, testCasesOf } from "./verdict.ts";

const statuses = {
  passed: "passed",
  failed: "failed",
  skipped: "skipped",
  error: "other",
} as const satisfies Record<TestStatus, string>;

/**
 * A run in the Common Test Report Format. Trials of one cell are one test each; a cell that shows both outcomes is
 * flaky.
 *
 * @param dir the run's folder.
 * @see https://ctrf.io
 */
export function renderCtrf(record: RunRecord, dir: string): string {
  const cases = testCasesOf(record);
  const count = (status: TestStatus): number => cases.filter((one) => one.status === status).length;
  const start = Date.parse(record.startedAt);
  const byTitle = Map.groupBy(cases, ({ trial }) => trial.title);
  const isFlaky = (title: string): boolean => {
    const seen = new Set((byTitle.get(title) ?? []).map(({ status }) => status));
    return seen.has("passed") && seen.has("failed");
  };
  const report = {
    reportFormat: "CTRF",
    specVersion: "0.0.0",
    generatedBy: "dstate",
    results: {
      tool: { name: "dstate", version: record.dstate.version },
      summary: {
        tests: cases.length,
        passed: count("passed"),
        failed: count("failed"),
        skipped: count("skipped"),
        pending: 0,
        other: count("error"),
        start,
        stop: record.endedAt === undefined ? start : Date.parse(record.endedAt),
      },
      tests: cases.map(({ name, suite, status, message, trial, attempt }) => ({
        name: sanitize(name, { maxLength: 1000 }),
        status: statuses[status],
        duration: Math.round(trial.took ?? 0),
        start: Date.parse(trial.startedAt),
        stop: Date.parse(trial.startedAt) + Math.round(trial.took ?? 0),
        suite: [suite],
        message: sanitize(message, { maxLength: 8000 }),
        rawStatus: trial.outcome ?? "unfinished",
        flaky: isFlaky(trial.title),
        extra: { attempt, evidence: join(dir, trial.folder), again: trial.rerun ?? record.rerun },
      })),
      environment: {
        appName: record.about,
        osPlatform: "linux",
        osRelease: record.host.kernel,
        extra: { host: record.host, load: record.load ?? null, run: record.id },
      },
    },
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
