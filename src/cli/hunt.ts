import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { definitionOf } from "../campaign/cell-key.ts";
import { hunt } from "../campaign/hunt.ts";
import { Ledger } from "../campaign/ledger.ts";
import { openTries } from "../campaign/tries.ts";
import { chooseCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import { renderHunt } from "../report/hunt.ts";
import { findRepro } from "../repro/find.ts";
import { exitCodeOf, worstOutcome } from "../repro/outcome.ts";
import { withNotes } from "./help.ts";
import { type ReportOptions, recorded, reportOption, reproRun } from "./recording.ts";
import { addCellOptions, type CellOptions, choiceOf, positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface HuntOptions extends CellOptions, ReportOptions {
  readonly trials: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** `dstate hunt`: recorded trials until one fails. */
export function addHunt(program: Command, session: Session): void {
  const command = program
    .command("hunt <repro>")
    .description("record trials of a rare race, each moved otherwise, and keep the first that fails")
    .option("--trials <n>", "at the most", positiveInteger, 20)
    .option("--seed <n>", "the first one's; each trial has the next", seedNumber, 1)
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(addCellOptions(command), {
    about: [
      "A seed moves how long an instruction takes and what QEMU's randomness begins with. It does not name a run: what comes in over the network, and when disks are done, is not in it. What is had for ever is the recording.",
    ],
    examples: ["dstate hunt io-uring-dstate --kernel 6.1.115 --trials 500"],
  }).action(async (name: string, options: HuntOptions) => {
    const context = await session.context();
    const found = await findRepro(name);
    const { repro } = found;
    const cell = chooseCell(repro.axes, choiceOf(options), context.settings);
    // What cannot be had leaves nothing behind, no empty ledger either.
    await provideParts(repro, cell, context);
    using ledger = await Ledger.open(context);
    const definition = await definitionOf(found);
    const hunted = await recorded(
      reproRun("hunt", found),
      options,
      context,
      async (run) =>
        await hunt(
          async (moves) => {
            const tries = await openTries(
              {
                repro,
                // One processor and another clock, and each shift another one.
                definition: `${definition}-recorded-${moves.shift}`,
                ranBy: "run",
                record: "reproduced",
                moves,
                run,
              },
              ledger,
              context,
            );
            return await tries.run(cell);
          },
          {
            ...options,
            ended: ({ seed, shift, outcome, took }) =>
              context.progress({
                type: "note",
                text: `seed ${seed} (shift ${shift}): ${outcome} after ${Math.round(took / 1000)} s`,
              }),
          },
        ),
    );
    const exit = exitCodeOf(worstOutcome(hunted.seeds.map(({ outcome }) => outcome)));
    session.result(
      "hunt",
      { repro: repro.id, cell, exitCode: exit, ...hunted },
      { json: options.json, text: () => renderHunt(hunted) },
    );
    process.exitCode = exit;
  });
}

function seedNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("expected a number from 0 to 999999999.");
  return Number(text);
}
