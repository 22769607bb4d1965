import type { Command } from "commander";
import { oneLine } from "../base/text.ts";
import { chooseCell, describeCell } from "../lab/cell.ts";
import { renderTable } from "../report/table.ts";
import { toJson } from "../repro/evidence.ts";
import { listRepros } from "../repro/find.ts";
import type { Session } from "./session.ts";

/** `dstate repros`: what can be run. */
export function addRepros(program: Command, session: Session): void {
  program
    .command("repros")
    .description("list the repros, with the cell that shows each")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample: dstate repros --json")
    .action(async (options: { json?: boolean }) => {
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
      if (options.json) return session.print(toJson({ repros: rows, broken }));
      session.print(
        renderTable(
          ["repro", "what fails", "bad cell"],
          [
            ...rows.map((row) => [row.id, row.title, row.badCell]),
            ...broken.map(({ id }) => [id, "BROKEN: see below", ""]),
          ],
          { width: session.width },
        ),
      );
      for (const { id, problem } of broken) session.print(`broken: ${id}\n  ${oneLine(problem)}`);
    });
}
