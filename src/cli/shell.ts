import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../base/errors.ts";
import { toBytes } from "../base/size.ts";
import { chooseCell, describeCell } from "../repro/cell.ts";
import { findRepro } from "../repro/find.ts";
import { provideParts } from "../repro/trial.ts";
import { Vm } from "../repro/vm.ts";
import { addCellOptions, type CellOptions, choiceOf } from "./selectors.ts";
import type { Session } from "./session.ts";

/** `dstate shell`: a terminal in a machine of the chosen cell. */
export function addShell(program: Command, session: Session): void {
  const command = program
    .command("shell <repro>")
    .description("boot a machine of the chosen cell and open a shell in it; the machine ends with the shell")
    .addHelpText("after", "\nExample: dstate shell io-uring-dstate --kernel 6.1.115");
  addCellOptions(command).action(async (name: string, options: CellOptions) => {
    if (!process.stdin.isTTY)
      throw new UsageError("dstate shell needs a terminal", {
        next: "To run commands without one, write a repro or use `vm.guest.exec`.",
      });
    const context = await session.context();
    const { repro } = await findRepro(name, context.settings);
    const cell = chooseCell(repro.axes, choiceOf(options));
    const parts = await provideParts(repro, cell, context);
    await mkdir(context.settings.logsDir, { recursive: true });
    const evidenceDir = await mkdtemp(join(context.settings.logsDir, "shell-"));
    await using vm = await Vm.start(
      {
        parts,
        cpus: repro.machine?.cpus ?? 2,
        memory: toBytes(repro.machine?.memory ?? "1GiB"),
        evidenceDir,
      },
      context,
    );
    process.stderr.write(
      `${describeCell(cell)}; the workload is in /srv/work; the console's log: ${vm.machine.console.logFile}\n`,
    );
    process.exitCode = await vm.guest.interact({ env: cell.env, cwd: "/srv/work", signal: context.signal });
  });
}
