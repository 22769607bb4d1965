import type { Command } from "commander";
import type { Context } from "../base/context.ts";
import { exitCode, UsageError } from "../base/errors.ts";
import { debugKernelAt, debugKernelOf } from "../decode/debug-kernel.ts";
import type { DebugKernel } from "../decode/decode.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { decodeWhereKnown, decodeWith } from "../log/decode.ts";
import { openLog, openLogFile } from "../log/open.ts";
import { readLog } from "../log/read.ts";
import { renderLog } from "../report/kernel-log.ts";
import { logDocument } from "../report/log-document.ts";
import type { Session } from "./session.ts";

interface DmesgOptions {
  readonly vmlinux?: string;
  readonly kernel?: string;
  readonly full?: boolean;
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
    .option("--json", "one JSON document on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  dstate dmesg console.log\n  journalctl -k -b -1 | dstate dmesg\n" +
        "  dstate dmesg /var/log/kern.log.2.gz --json\n" +
        "Exit codes: 0 no findings, 1 findings, 2 no such file, or damaged.",
    )
    .action(async (file: string | undefined, options: DmesgOptions) => {
      const context = await session.context({ quiet: true });
      const { signal } = context;
      const kernel = await chosenKernel(options, context);
      const log =
        file === undefined || file === "-"
          ? await openLog("standard input", standardInput(), { signal })
          : await openLogFile(file, { signal });
      const read = await readLog(log, { signal });
      const report = kernel ? await decodeWith(kernel, read, context) : await decodeWhereKnown(read, context);
      process.exitCode = report.total === 0 ? exitCode.clean : exitCode.reproduced;
      const colour = process.stdout.isTTY && process.stdout.hasColors();
      session.result("dmesg", logDocument(report), {
        json: options.json,
        text: () => renderLog(report, { width: session.width, colour, full: options.full }),
      });
    });
}

async function chosenKernel(
  { vmlinux, kernel }: DmesgOptions,
  context: Context,
): Promise<DebugKernel | undefined> {
  if (vmlinux !== undefined && kernel !== undefined)
    throw new UsageError("--vmlinux and --kernel name the same thing: give one of them");
  if (vmlinux !== undefined) return await debugKernelAt(vmlinux, context);
  if (kernel !== undefined) return await debugKernelOf(parseKernelSelector(kernel), context);
  return undefined;
}

function standardInput(): NodeJS.ReadStream {
  if (process.stdin.isTTY) {
    throw new UsageError("there is no log to read: standard input is a terminal", {
      next: "Name a file, or pipe a log in: `dmesg | dstate dmesg`.",
    });
  }
  return process.stdin;
}
