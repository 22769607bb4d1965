import type { Command } from "commander";
import { chooseCell, describeCell } from "../lab/cell.ts";
import { renderRepros } from "../report/repros.ts";
import { listRepros } from "../repro/find.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

/** `dstate repros`: what can be run. */
export function addRepros(program: Command, session: Session): void {
  const command = program
    .command("repros")
    .description("list the repros, with the cell that shows each")
    .option("--json", "one JSON document on standard output");
  withNotes(command, { examples: ["dstate repros --json"] }).action(async (options: { json?: boolean }) => {
    await session.context({ quiet: true });
    const { repros, broken } = await listRepros();
    const rows = repros.map(({ repro, file }) => ({
      id: repro.id,
      title: repro.title,
      badCell: describeCell(chooseCell(repro.axes, repro.cells.bad[0])),
      upstream: repro.upstream,
      axes: repro.axes,
      file,
    }));
    session.result(
      "repros",
      { repros: rows, broken },
      { json: options.json, text: () => renderRepros(rows, broken, { width: session.width }) },
    );
  });
}
