import { join } from "node:path";
import type { Command } from "commander";
import { exitCode } from "../base/errors.ts";
import { formatBytes } from "../base/size.ts";
import { matrixExitCode } from "../campaign/matrix/matrix.ts";
import { type Merged, mergeRuns } from "../campaign/merge/merge.ts";
import { writeReports } from "../report/ci/reporters.ts";
import { testCasesOf } from "../report/ci/verdict.ts";
import { renderMatrix } from "../report/matrix.ts";
import { writePage } from "../report/page/write.ts";
import { matrixRecord } from "../report/run-facts.ts";
import { withNotes } from "./help.ts";
import { type ReportOptions, reportOption } from "./recording.ts";
import type { Session } from "./session.ts";

interface MergeOptions extends ReportOptions {
  readonly json?: boolean;
}

/** `dstate merge`: what several jobs ran, as one run with one page. */
export function addMerge(program: Command, session: Session): void {
  const command = program
    .command("merge <dirs...>")
    .description("join runs of several jobs, such as shards, and their ledgers into one run with one page")
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "A folder is a run's own, one that holds runs as logs/ does, or one with such folders, as CI systems unpack artifacts. No trial is counted twice. What belongs to other campaigns is refused, and a missing shard is said.",
      "Exit codes: 1 fails in some cell; else 70 when a shard is missing or ran to no end; else as the runs' own.",
    ],
    examples: ["dstate merge shards/", "dstate merge job-1/logs job-2/logs --report junit=junit.xml"],
  }).action(async (dirs: string[], options: MergeOptions) => {
    const context = await session.context();
    const line = ["dstate", "merge", ...dirs];
    const merged = await mergeRuns({ dirs, command: line, describe: matrixRecord }, context);
    const { dir, record, joined, matrix, ledger } = merged;
    const page = join(dir, "index.html");
    const bytes = await writePage({ dir, record, state: record.state }, page, context);
    await writeReports(options.report ?? [], { dir, record });
    const exit = exitOf(merged);
    const { of, unfinished, doubles } = joined;
    session.result(
      "merge",
      {
        run: dir,
        page,
        exitCode: exit,
        runs: merged.runs,
        trials: record.trials.length,
        doubles,
        ...(of === undefined
          ? {}
          : {
              shards: {
                of,
                missing: record.missingShards ?? [],
                unfinished,
                cellsMissing: matrix?.untold ?? 0,
              },
            }),
        ledger,
        ...(matrix === undefined ? {} : { cells: matrix.rows }),
      },
      {
        json: options.json,
        text: () =>
          [
            ...(matrix === undefined || matrix.rows.length === 0
              ? []
              : [renderMatrix(matrix.rows, { width: session.width, plan: matrix.plan })]),
            `${record.trials.length} trials of ${merged.runs} runs${doubles > 0 ? `; ${doubles} were there more than once, and count once` : ""}`,
            `ledger: ${ledger.added} trials are new, ${ledger.known} were there`,
            ...(record.problem === undefined ? [] : [`not all of it: ${record.problem}${cells(merged)}`]),
            ...(record.kind === "map" ? [`what they come to, line by line: ${record.rerun}`] : []),
            `${page} (${formatBytes(bytes)})`,
          ].join("\n"),
      },
    );
    process.exitCode = exit;
  });
}

function cells({ matrix }: Merged): string {
  if (!matrix || matrix.untold === 0) return "";
  return ` (${matrix.untold} of ${matrix.untold + matrix.rows.length} cells are told of by none)`;
}

function exitOf({ record, matrix }: Merged): number {
  const statuses = testCasesOf(record).map(({ status }) => status);
  // Bad releases are what a map looks for.
  if (record.kind === "map") {
    if (record.state !== "finished") return exitCode.infraError;
    return matrix?.rows.some(({ open }) => open) ? exitCode.inconclusive : exitCode.clean;
  }
  const own = matrix
    ? matrixExitCode(matrix.rows.map(({ verdict }) => verdict.type))
    : statuses.includes("failed")
      ? exitCode.reproduced
      : statuses.includes("error")
        ? exitCode.infraError
        : statuses.includes("skipped")
          ? exitCode.inconclusive
          : exitCode.clean;
  if (own === exitCode.reproduced || record.state === "finished") return own;
  return exitCode.infraError;
}
