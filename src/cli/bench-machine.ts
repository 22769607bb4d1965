import type { Command } from "commander";
import { UsageError } from "../base/errors.ts";
import { formatBytes, toBytes } from "../base/size.ts";
import { type BootBench, benchBoot } from "../bench/boot.ts";
import type { Figures } from "../bench/statistics.ts";
import { benchTrials } from "../bench/trial.ts";
import { defaultJobs } from "../campaign/pool.ts";
import { renderTable } from "../render/table.ts";
import { chooseCell } from "../repro/cell.ts";
import { toJson } from "../repro/evidence.ts";
import { findRepro } from "../repro/find.ts";
import { provideParts } from "../repro/trial.ts";
import { addCellOptions, type CellOptions, choiceOf, positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

/** `dstate bench boot` and `dstate bench trial`: how fast machines and trials are here. */
export function addMachineBenches(bench: Command, session: Session): void {
  addCellOptions(
    bench
      .command("boot")
      .description("cold boot and restore to the first command, round trips, memory of clones")
      .option("--runs <n>", "of each start", positiveInteger, 10)
      .option("--clones <n>", "machines at once", positiveInteger, 8)
      .option("--against <tool>", "virtme-ng: run `vng --run` on the same kernel in turns with ours")
      .option("--json", "one JSON document on standard output"),
  )
    .addHelpText("after", "\nExample: dstate bench boot --kernel 6.1.129 --against virtme-ng --json")
    .action(
      async (options: CellOptions & { runs: number; clones: number; against?: string; json?: boolean }) => {
        if (options.against !== undefined && options.against !== "virtme-ng") {
          throw new UsageError(`cannot measure against "${options.against}"`, {
            next: "Only virtme-ng is known.",
          });
        }
        const context = await session.context();
        const cell = chooseCell({ kernel: ["6.1.129"], node: ["20.9.0"] }, choiceOf(options));
        const parts = await provideParts({ id: "bench", npm: "10.1.0" }, cell, context);
        const result = await benchBoot(
          {
            parts,
            runs: options.runs,
            clones: options.clones,
            againstVirtmeNg: options.against !== undefined,
          },
          context,
        );
        session.print(options.json ? toJson({ cell, ...result }) : renderBoot(result, session.width));
      },
    );
  addCellOptions(
    bench
      .command("trial [repro]")
      .description("trials an hour in a cell")
      .option("--trials <n>", "how many", positiveInteger, 10)
      .option("--jobs <n>", "machines side by side; default from cores and memory", positiveInteger)
      .option("--json", "one JSON document on standard output"),
  )
    .addHelpText("after", "\nExample: dstate bench trial io-uring-dstate --kernel 6.1.129 --trials 10 --json")
    .action(
      async (
        name: string | undefined,
        options: CellOptions & { trials: number; jobs?: number; json?: boolean },
      ) => {
        const context = await session.context();
        const { repro } = await findRepro(name ?? "io-uring-dstate", context.settings);
        const cell = chooseCell(repro.axes, choiceOf(options));
        const parts = await provideParts(repro, cell, context);
        const shape = { cpus: repro.machine?.cpus ?? 2, memory: toBytes(repro.machine?.memory ?? "1GiB") };
        const jobs = options.jobs ?? defaultJobs(shape);
        const result = await benchTrials({ repro, cell, parts, trials: options.trials, jobs }, context);
        if (options.json) session.print(toJson(result));
        else {
          const outcomes = Object.entries(result.outcomes).map(([outcome, count]) => `${count} ${outcome}`);
          session.print(
            `${result.trialsPerHour.toFixed(0)} trials an hour, ${jobs} side by side: ${outcomes.join(", ")}`,
          );
        }
      },
    );
}

function renderBoot(result: BootBench, width: number): string {
  const row = (name: string, figures: Figures | undefined, unit: string, digits = 2): string[][] =>
    figures === undefined
      ? []
      : [
          [
            name,
            ...[figures.min, figures.median, figures.max].map((value) => `${value.toFixed(digits)} ${unit}`),
            `${figures.n}`,
          ],
        ];
  const rows = [
    ...row("restore to first command", result.restoreToFirstCommandSeconds, "s"),
    ...row("cold boot to first command", result.coldBootToFirstCommandSeconds, "s"),
    ...row("vng --run", result.virtmeNgSeconds, "s"),
    ...row("round trip, fast channel", result.fastRoundTripMilliseconds, "ms"),
    ...row("round trip, ssh2", result.sshRoundTripMilliseconds, "ms"),
    ...row("round trip, OpenSSH multiplexed", result.openSshMultiplexedMilliseconds, "ms"),
  ];
  const { anonymousBytesPerClone: memory } = result;
  return [
    renderTable(["", "min", "median", "max", "n"], rows, { width }),
    `${result.clonesAtOnce} clones at once: ${formatBytes(result.clonesTogetherBytes)} together, ${formatBytes(memory.median)} anonymous each (median), all ready after ${result.clonesAllReadySeconds.toFixed(1)} s`,
  ].join("\n");
}
