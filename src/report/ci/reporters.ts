import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { RunRecord } from "../../record/run-record.ts";
import { renderCtrf } from "./ctrf.ts";
import { renderJunit } from "./junit.ts";
import { renderSummary } from "./summary.ts";

/** A way to tell a tool of a run. */
export interface Reporter {
  /** What it is, in a few words. */
  readonly about: string;
  readonly render: (record: RunRecord, dir: string) => string;
  /** The file is added to, not replaced: others write to it too. */
  readonly append?: boolean;
}

/** Every reporter, by the name that `--report NAME=FILE` takes: one row each. */
export const reporters = {
  junit: { about: "JUnit XML", render: renderJunit },
  ctrf: { about: "Common Test Report Format", render: renderCtrf },
  summary: { about: "Markdown for a job's summary", render: renderSummary, append: true },
} as const satisfies Readonly<Record<string, Reporter>>;
export type ReporterName = keyof typeof reporters;

/** A report that somebody asked for. */
export interface WantedReport {
  readonly name: ReporterName;
  readonly file: string;
}

/** Whether there is such a reporter. */
export function isReporter(name: string): name is ReporterName {
  return Object.hasOwn(reporters, name);
}

/** Write the reports of a run. */
export async function writeReports(
  wanted: readonly WantedReport[],
  run: { readonly record: RunRecord; readonly dir: string },
): Promise<void> {
  for (const { name, file } of wanted) {
    const reporter: Reporter = reporters[name];
    const text = reporter.render(run.record, run.dir);
    await mkdir(dirname(file), { recursive: true });
    if (reporter.append === true) await appendFile(file, text);
    else await writeFile(file, text);
  }
}
