import type { Command } from "commander";
import { UsageError } from "../base/errors.ts";
import { benchBoot } from "../bench/boot.ts";
import { benchRestore } from "../bench/restore.ts";
import { benchTrials } from "../bench/trial.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { Ledger } from "../campaign/ledger.ts";
import { defaultJobs, hostRoom, sparePlaces } from "../campaign/pool.ts";
import { openTries } from "../campaign/tries.ts";
import { chooseCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import { shapeOf } from "../lab/shape.ts";
import { renderBoot, renderRestore, renderTrialBench } from "../report/bench-machine.ts";
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
        const text = (): string => renderBoot(result, { width: session.width });
        session.result("bench boot", { cell, ...result }, { json: options.json, text });
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
      const text = (): string => renderRestore(result);
      session.result("bench restore", { cell, ...result }, { json: options.json, text });
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
        const room = hostRoom(context.settings);
        const jobs = options.jobs ?? defaultJobs(shape, room);
        const spare = options.jobs === undefined ? sparePlaces(jobs, shape, room) : 0;
        const result = await benchTrials({ tries, cell, trials: options.trials, jobs, spare }, context);
        const text = (): string => renderTrialBench(result);
        session.result("bench trial", result, { json: options.json, text });
      },
    );
}
