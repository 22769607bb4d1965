import { type Command, Option } from "commander";
import type { Context } from "../base/context.ts";
import { timeouts } from "../base/timeouts.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { Ledger } from "../campaign/ledger.ts";
import { openTries } from "../campaign/tries.ts";
import { chooseCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import { renderTrials } from "../report/trials.ts";
import { findRepro } from "../repro/find.ts";
import { exitCodeOf, worstOutcome } from "../repro/outcome.ts";
import type { TrialResult } from "../repro/trial.ts";
import { gitBisectOption } from "./git-bisect.ts";
import { withNotes } from "./help.ts";
import { type ReportOptions, recorded, reportOption, reproRun } from "./recording.ts";
import { addCellOptions, type CellOptions, choiceOf, positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface RunOptions extends CellOptions, ReportOptions {
  readonly json?: boolean;
  readonly trials: number;
  readonly memoryDump?: boolean;
  readonly keep?: boolean;
  readonly record?: boolean;
}

/** Whether to keep a machine: as was said, or, with somebody at the terminal, as they say after a reproduction. */
function wishOf(
  options: RunOptions,
  session: Session,
  { signal }: Context,
): boolean | (() => Promise<boolean>) {
  if (options.keep === true) return true;
  // A machine that stands still for it would do so in its recording.
  if (options.record === true) return false;
  if (options.json || !process.stdin.isTTY || !process.stderr.isTTY) return false;
  return async () => {
    const question = "It reproduced. Keep this machine for `dstate attach`? y or n (n after 20 s): ";
    return (await session.ask(question, { within: timeouts.question.milliseconds, signal })) === "y";
  };
}

/** `dstate run`: one cell of a repro. */
export function addRun(program: Command, session: Session): void {
  const command = program
    .command("run <repro>")
    .description("run a repro in one cell and say what was seen")
    .option("--trials <n>", "how often; stops at the first reproduction", positiveInteger, 1)
    .option("--memory-dump", "save the guest's memory of a trial that cannot be judged")
    .option("--keep", "save the whole machine of a trial that is not clean, for `dstate attach`")
    .addOption(
      new Option("--record", "record the machine, on one processor, for `dstate replay`").conflicts([
        "keep",
        "memoryDump",
      ]),
    )
    .addOption(gitBisectOption())
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(addCellOptions(command), {
    about: ["For rates, or several cells side by side, see `dstate matrix`."],
    examples: ["dstate run io-uring-dstate --kernel 6.1.115 --node 20.9.0 --json"],
  }).action(async (name: string, options: RunOptions) => {
    const context = await session.context();
    const found = await findRepro(name);
    const { repro } = found;
    const cell = chooseCell(repro.axes, choiceOf(options), context.settings);
    // What cannot be had leaves nothing behind, no empty ledger either.
    await provideParts(repro, cell, context);
    using ledger = await Ledger.open(context);
    const { cold, memoryDump, record } = options;
    const definition = await definitionOf(found);
    const trials = await recorded(reproRun("run", found), options, context, async (run) => {
      const tries = await openTries(
        {
          repro,
          // One processor and another clock: its rate is no part of the cell's.
          definition: record === true ? `${definition}-recorded` : definition,
          ranBy: "run",
          cold,
          memoryDump,
          record,
          keep: wishOf(options, session, context),
          run,
        },
        ledger,
        context,
      );
      const ended: TrialResult[] = [];
      while (ended.length < options.trials && ended.at(-1)?.outcome !== "reproduced")
        ended.push(await tries.run(cell));
      return ended;
    });
    const outcome = worstOutcome(trials.map((trial) => trial.outcome));
    const exit = exitCodeOf(outcome);
    session.result(
      "run",
      { repro: repro.id, cell, outcome, exitCode: exit, trials },
      { json: options.json, text: () => renderTrials(trials, { width: session.width }) },
    );
    process.exitCode = exit;
  });
}
