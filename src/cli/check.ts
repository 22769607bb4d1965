import type { Command } from "commander";
import { exitCode } from "../base/errors.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { checkCells } from "../campaign/check.ts";
import { Ledger } from "../campaign/ledger.ts";
import { hostRoom, sparePlaces, undisturbedJobs } from "../campaign/pool.ts";
import { openTries } from "../campaign/tries.ts";
import { shapeOf } from "../lab/shape.ts";
import { renderCheck } from "../report/trials.ts";
import { checkedCells } from "../repro/cells.ts";
import { findRepro } from "../repro/find.ts";
import { withNotes } from "./help.ts";
import { type ReportOptions, recorded, reportOption, reproRun } from "./recording.ts";
import { positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface CheckOptions extends ReportOptions {
  readonly all?: boolean;
  readonly jobs?: number;
  readonly json?: boolean;
}

/** `dstate check`: the bad cell shows the failure and the control does not. */
export function addCheck(program: Command, session: Session): void {
  const command = program
    .command("check <repro>")
    .description(
      "run a repro in its bad cell and in a control cell, and say whether both are as the report says",
    )
    .option("--all", "in all its bad and control cells")
    .option("--jobs <n>", "cells side by side; default from processors and memory", positiveInteger)
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: ["Exit codes: 0 every cell is as the report says, 1 one is not, 70 infra-error."],
    examples: ["dstate check io-uring-dstate --all"],
  }).action(async (name: string, options: CheckOptions) => {
    const context = await session.context();
    const found = await findRepro(name);
    const { repro } = found;
    const plan = checkedCells(repro, context.settings, options);
    const [shape, room] = [shapeOf(repro.machine), hostRoom(context.settings)];
    // The bad cell first, undisturbed; the control as soon as that one only waits.
    const jobs = options.jobs ?? undisturbedJobs(shape, room);
    const spare = options.jobs === undefined ? sparePlaces(jobs, shape, room) : 0;
    using ledger = await Ledger.open(context);
    const definition = await definitionOf(found);
    const trials = await recorded(
      reproRun("check", found),
      options,
      context,
      async (run) =>
        await checkCells(plan, { jobs, spare }, context.signal, async (signal) => {
          const asked = { repro, definition, ranBy: "check", run } as const;
          return await openTries(asked, ledger, { ...context, signal });
        }),
    );
    const odd = trials.filter((trial) => trial.outcome !== trial.expected);
    const asExpected = odd.length === 0;
    const infra = odd.some((trial) => trial.outcome === "infra-error");
    const exit = asExpected ? exitCode.clean : infra ? exitCode.infraError : exitCode.reproduced;
    session.result(
      "check",
      { repro: repro.id, asExpected, exitCode: exit, trials },
      { json: options.json, text: () => renderCheck(trials, { width: session.width }) },
    );
    process.exitCode = exit;
  });
}
