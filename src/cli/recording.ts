import { resolve } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import type { Context } from "../base/context.ts";
import { Run, type RunOptions, shellLine } from "../record/run.ts";
import { isReporter, reporters, type WantedReport, writeReports } from "../report/ci/reporters.ts";
import type { FoundRepro } from "../repro/find.ts";
import { aboutRepro } from "../repro/rerun.ts";

/** The option of every command that runs trials. */
export interface ReportOptions {
  readonly report?: readonly WantedReport[];
}

/** `--report`, which may be repeated. */
export function reportOption(): Option {
  const names = Object.keys(reporters).join("|");
  return new Option(`--report <${names}=FILE>`, "also write a report for CI; may be repeated").argParser(
    wanted,
  );
}

/**
 * Do a command's work as a run: it has a folder whose `run.json` is whole at every moment, and says how it ended,
 * however it ends; then its reports are written.
 *
 * @example await recorded(reproRun("check", found), options, context, async (run) => { ... });
 */
export async function recorded<Result>(
  about: RunOptions,
  { report = [] }: ReportOptions,
  context: Context,
  work: (run: Run) => Promise<Result>,
): Promise<Result> {
  const rerun = about.rerun ?? shellLine(withoutReports(["dstate", ...process.argv.slice(2)]));
  await using run = await Run.open({ ...about, rerun }, context);
  try {
    const result = await work(run);
    await run.finish();
    return result;
  } catch (error) {
    await run.fail(error);
    throw error;
  } finally {
    await writeReports(report, run);
  }
}

/**
 * The words of a command without those that only say where its reports go: whoever runs it again has other places.
 *
 * @example withoutReports(["exec", "--report", "junit=x.xml", "--", "true"]) // ["exec", "--", "true"]
 */
export function withoutReports(words: readonly string[]): string[] {
  const end = words.indexOf("--");
  const own = end < 0 ? words : words.slice(0, end);
  const left = own.filter(
    (word, index) => word !== "--report" && own[index - 1] !== "--report" && !word.startsWith("--report="),
  );
  return [...left, ...words.slice(own.length)];
}

/** A run of a command about a repro. */
export function reproRun(kind: string, { repro, file }: FoundRepro): RunOptions {
  return { kind, ...aboutRepro(repro), file };
}

function wanted(text: string, before: readonly WantedReport[] = []): readonly WantedReport[] {
  const [name = "", ...file] = text.split("=");
  if (!isReporter(name) || file.join("=") === "")
    throw new InvalidArgumentError(
      `expected one of ${Object.keys(reporters)
        .map((each) => `${each}=FILE`)
        .join(", ")}.`,
    );
  return [...before, { name, file: resolve(file.join("=")) }];
}
