import type { Command } from "commander";
import { UsageError } from "../base/errors.ts";
import { formatBytes } from "../base/size.ts";
import { type BootBench, benchBoot } from "../bench/boot.ts";
import { benchRestore, type RestoreBench } from "../bench/restore.ts";
import type { Figures } from "../bench/statistics.ts";
import { benchTrials } from "../bench/trial.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { Ledger } from "../campaign/ledger.ts";
import { defaultJobs, hostRoom } from "../campaign/pool.ts";
import { openTries } from "../campaign/tries.ts";
import { chooseCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import { shapeOf } from "../lab/shape.ts";
import { renderTable } from "../report/table.ts";
import { toJson } from "../repro/evidence.ts";
import { findRepro } from "../repro/find.ts";
import { addCellOptions, type CellOptions, choiceOf, positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

/** What is measured where nothing else is asked for: the kernel and the Node that tests have. */
const axes = { kernel: ["6.1.129"], node: ["20.9.0"] } as const;

/** `dstate bench boot`, `restore` and `trial`: how fast machines and trials are here. */
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
        const cell = chooseCell(axes, choiceOf(options), context.settings);
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
      .command("restore")
      .description("many restores in a row: whether each answers, as a machine of its own")
      .option("--count <n>", "how many", positiveInteger, 100)
      .option("--json", "one JSON document on standard output"),
  )
    .addHelpText("after", "\nExample: dstate bench restore --kernel 6.1.129 --count 100 --json")
    .action(async (options: CellOptions & { count: number; json?: boolean }) => {
      const context = await session.context();
      const cell = chooseCell(axes, choiceOf(options), context.settings);
      const parts = await provideParts({ id: "bench", npm: "10.1.0" }, cell, context);
      const result = await benchRestore({ parts, count: options.count }, context);
      session.print(options.json ? toJson({ cell, ...result }) : renderRestore(result));
    });
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
        const found = await findRepro(name ?? "io-uring-dstate");
        const { repro } = found;
        const cell = chooseCell(repro.axes, choiceOf(options), context.settings);
        using ledger = await Ledger.open(context);
        const definition = await definitionOf(found);
        const tries = await openTries({ repro, definition, ranBy: "bench" }, ledger, context);
        const shape = shapeOf(repro.machine);
        const jobs = options.jobs ?? defaultJobs(shape, hostRoom(context.settings));
        const result = await benchTrials({ tries, cell, trials: options.trials, jobs }, context);
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
    ...renderRatios(result),
    `${result.clonesAtOnce} clones at once: ${formatBytes(result.clonesTogetherBytes)} together, ${formatBytes(memory.median)} anonymous each (median), all ready after ${result.clonesAllReadySeconds.toFixed(1)} s`,
  ].join("\n");
}

/** Medians of one run against each other: what carries over to another host. */
function renderRatios(result: BootBench): string[] {
  const { restoreToFirstCommandSeconds: restore, coldBootToFirstCommandSeconds: cold } = result;
  const { sshRoundTripMilliseconds: ssh, openSshMultiplexedMilliseconds: openSsh } = result;
  const { virtmeNgSeconds: vng } = result;
  return [
    ...(vng
      ? [
          `against vng --run: restore takes ${(vng.median / restore.median).toFixed(0)} times less, a cold boot ${(cold.median / vng.median).toFixed(2)} of it`,
        ]
      : []),
    ...(openSsh
      ? [
          `ssh2 takes ${(ssh.median / openSsh.median).toFixed(2)} of what OpenSSH takes over its open connection`,
        ]
      : []),
  ];
}

function renderRestore(result: RestoreBench): string {
  const { restoreToFirstCommandSeconds: seconds, clockErrorMilliseconds: clock } = result;
  return [
    `${result.count} restores in a row, ${result.warm} of them warm; ${seconds.median.toFixed(2)} s to the first command (median)`,
    `different: ${result.machineIds} machine ids, ${result.hostnames} hostnames, ${result.randomSeeds} random seeds`,
    `${result.sawAnothersWrite} saw another one's write; the guest's clock was off by ${clock.median.toFixed(0)} ms (median), ${clock.max.toFixed(0)} ms at most`,
  ].join("\n");
}
