import type { Command } from "commander";
import { exitCode } from "../base/errors.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { Ledger } from "../campaign/ledger.ts";
import { openTries } from "../campaign/tries.ts";
import { renderCheck } from "../report/trials.ts";
import { cellsOf } from "../repro/cells.ts";
import { findRepro } from "../repro/find.ts";
import type { Outcome } from "../repro/outcome.ts";
import type { TrialResult } from "../repro/trial.ts";
import { withNotes } from "./help.ts";
import { type ReportOptions, recorded, reportOption, reproRun } from "./recording.ts";
import type { Session } from "./session.ts";

/** `dstate check`: the bad cell shows the failure and the control does not. */
export function addCheck(program: Command, session: Session): void {
  const command = program
    .command("check <repro>")
    .description(
      "run a repro in its bad cell and in a control cell, and say whether both are as the report says",
    )
    .option("--all", "in all its bad and control cells")
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: ["Exit codes: 0 every cell is as the report says, 1 one is not, 70 infra-error."],
    examples: ["dstate check io-uring-dstate --all"],
  }).action(async (name: string, options: ReportOptions & { all?: boolean; json?: boolean }) => {
    const context = await session.context();
    const found = await findRepro(name);
    const { repro } = found;
    const known = cellsOf(repro, context.settings);
    const take = <T>(cells: readonly T[]): readonly T[] => (options.all ? cells : cells.slice(0, 1));
    const plan = [
      ...take(known.bad).map((cell) => ({ cell, expected: "reproduced" as Outcome })),
      ...take(known.control).map((cell) => ({ cell, expected: "clean" as Outcome })),
    ];
    using ledger = await Ledger.open(context);
    const definition = await definitionOf(found);
    const trials = await recorded(reproRun("check", found), options, context, async (run) => {
      const tries = await openTries({ repro, definition, ranBy: "check", run }, ledger, context);
      const ended: (TrialResult & { expected: Outcome })[] = [];
      for (const { cell, expected } of plan) {
        ended.push({ ...(await tries.run(cell, { expected })), expected });
      }
      return ended;
    });
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
