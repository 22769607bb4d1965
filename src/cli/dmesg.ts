import { type Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "../base/context.ts";
import { exitCode, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { formatBytes } from "../base/size.ts";
import type { DebugKernel } from "../decode/decode.ts";
import type { Severity } from "../kernel-log/kernel-log.ts";
import { severities } from "../kernel-log/kinds.ts";
import type { DecodedReport } from "../log/decode.ts";
import { openLog, openLogFile } from "../log/open.ts";
import { hasFindings, type LogReport, readLog } from "../log/read.ts";
import { renderLog } from "../report/kernel-log.ts";
import { explain, renderExplanation } from "../report/kernel-log-explain.ts";
import { renderKnownReports } from "../report/kernel-log-repros.ts";
import { logDocument } from "../report/log-document.ts";
import type { KnownReport } from "../repro/known-by.ts";
import type { Session } from "./session.ts";

interface DmesgOptions {
  readonly vmlinux?: string;
  readonly kernel?: string;
  readonly full?: boolean;
  readonly explain?: number;
  readonly repro?: boolean;
  readonly failOn: Severity;
  readonly json?: boolean;
}

/** `dstate dmesg`: what a kernel log says went wrong. */
export function addDmesg(program: Command, session: Session): void {
  program
    .command("dmesg")
    .argument("[file]", "a kernel log, also a packed one; standard input without it, or for -")
    .description("find what went wrong in a kernel log of any kind: dmesg, journal, serial console")
    .option("--vmlinux <file>", "name the source lines of call chains, by this image with debug information")
    .option(
      "--kernel <selector>",
      "the same, by a kernel of the cache; see `dstate kernels build --debug-info`",
    )
    .option("--full", "whole call chains, registers, and every place where a bug shows again")
    .option("--explain <n>", "say what finding N means, what it waits for and what to do next", parseNumber)
    .option("--repro", "which of the known repros has this signature")
    .addOption(
      new Option("--fail-on <severity>", "exit with 1 for findings that are as bad as this, or worse")
        .choices(severities)
        .default("notice"),
    )
    .option("--json", "one JSON document on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  dstate dmesg console.log\n  journalctl -k -b -1 | dstate dmesg\n" +
        "  dstate dmesg /var/log/kern.log.2.gz --json\n" +
        "  dstate dmesg console.log --explain 1\n" +
        "Exit codes: 0 no findings (of --fail-on), 1 findings, 2 no such file, damaged.",
    )
    .action(async (file: string | undefined, options: DmesgOptions) => {
      const context = await session.context({ quiet: true });
      const { signal } = context;
      const kernel = await chosenKernel(options, context);
      const log =
        file === undefined || file === "-"
          ? await openLog("standard input", standardInput(), { signal })
          : await openLogFile(file, { signal });
      const read = await step(
        context.progress,
        `read ${log.name}`,
        async (progress) =>
          await readLog(log, { signal, onBytes: (bytes) => progress.update({ detail: formatBytes(bytes) }) }),
      );
      const report = await decoded(read, kernel, context);
      process.exitCode = hasFindings(report, options.failOn) ? exitCode.reproduced : exitCode.clean;
      const explanation = options.explain === undefined ? undefined : explain(report.groups, options.explain);
      const repros = options.repro ? await reprosOf(report) : undefined;
      const colour = process.stdout.isTTY && process.stdout.hasColors();
      const { width } = session;
      const document = {
        ...logDocument(report),
        ...(explanation === undefined ? {} : { explanation }),
        ...(repros === undefined ? {} : { repros }),
      };
      session.result("dmesg", document, {
        json: options.json,
        text: () =>
          [
            explanation === undefined
              ? renderLog(report, { width, colour, full: options.full })
              : renderExplanation(explanation, { width }),
            ...(repros === undefined ? [] : [renderKnownReports(repros, { width })]),
          ].join("\n\n"),
      });
    });
}

/** A report with its call chains decoded: only one that has some needs to know of kernels. */
async function decoded(
  report: LogReport,
  kernel: DebugKernel | undefined,
  context: Context,
): Promise<DecodedReport> {
  if (!report.groups.some(({ finding }) => finding.frames.length > 0)) return { ...report, decodedWith: [] };
  const { decodeWhereKnown, decodeWith } = await import("../log/decode.ts");
  return kernel ? await decodeWith(kernel, report, context) : await decodeWhereKnown(report, context);
}

/** The known repros whose reports a log shows. A repro that cannot be loaded is no reason to say nothing. */
async function reprosOf(report: LogReport): Promise<KnownReport[]> {
  const [{ listRepros }, { knownReports }] = await Promise.all([
    import("../repro/find.ts"),
    import("../repro/known-by.ts"),
  ]);
  const { repros } = await listRepros();
  return knownReports(
    report.groups.map(({ finding }) => finding),
    repros.map(({ repro }) => repro),
  );
}

function parseNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("expected the number of a finding, such as 1.");
}

async function chosenKernel(
  { vmlinux, kernel }: DmesgOptions,
  context: Context,
): Promise<DebugKernel | undefined> {
  if (vmlinux !== undefined && kernel !== undefined)
    throw new UsageError("--vmlinux and --kernel name the same thing: give one of them");
  if (vmlinux !== undefined)
    return await (await import("../decode/debug-kernel.ts")).debugKernelAt(vmlinux, context);
  if (kernel === undefined) return undefined;
  const [{ debugKernelOf }, { parseKernelSelector }] = await Promise.all([
    import("../decode/debug-kernel.ts"),
    import("../kernel/selector.ts"),
  ]);
  return await debugKernelOf(parseKernelSelector(kernel), context);
}

function standardInput(): NodeJS.ReadStream {
  if (process.stdin.isTTY) {
    throw new UsageError("there is no log to read: standard input is a terminal", {
      next: "Name a file, or pipe a log in: `dmesg | dstate dmesg`.",
    });
  }
  return process.stdin;
}
