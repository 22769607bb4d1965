import type { Command } from "commander";
import { UsageError } from "../base/errors.ts";
import { chooseCell, describeCell } from "../lab/cell.ts";
import { openVm } from "../lab/open.ts";
import { provideParts } from "../lab/provide.ts";
import { findRepro } from "../repro/find.ts";
import { prepareView } from "../repro/view.ts";
import { withNotes } from "./help.ts";
import { addCellOptions, type CellOptions, choiceOf } from "./selectors.ts";
import type { Session } from "./session.ts";

interface ShellOptions extends CellOptions {
  readonly view?: boolean;
}

/** `dstate shell`: a terminal in a machine of the chosen cell. */
export function addShell(program: Command, session: Session): void {
  const command = program
    .command("shell <repro>")
    .description("boot a machine of the chosen cell and open a shell in it; the machine ends with the shell")
    .option("--view", "the reporter's screen: the workload loops, ps watches it, a kill -9 waits for Enter");
  withNotes(addCellOptions(command), {
    examples: ["dstate shell io-uring-dstate --kernel 6.1.115", "dstate shell io-uring-dstate --view"],
  }).action(async (name: string, options: ShellOptions) => {
    if (!process.stdin.isTTY)
      throw new UsageError("dstate shell needs a terminal", {
        next: "To run commands without one, write a repro or use `vm.guest.exec`.",
      });
    const context = await session.context();
    const { repro } = await findRepro(name);
    const view = options.view ? repro.view : undefined;
    if (options.view && !view)
      throw new UsageError(`the repro "${repro.id}" has no view`, {
        next: "Leave out --view, or add `view` to its definition.",
      });
    const choice = choiceOf(options);
    const cell = chooseCell(
      repro.axes,
      { ...choice, axes: { ...view?.axes, ...choice.axes } },
      context.settings,
    );
    const parts = await provideParts(repro, cell, context);
    await using vm = await openVm({ ...context, ...repro.machine, parts, cold: options.cold, name: "shell" });
    const start = vm.start === "cold" ? "it booted" : "it went on from a frozen machine";
    session.say(
      `${describeCell(cell)}; ${start}; the workload is in /srv/work; the console's log: ${vm.machine.console.logFile}`,
    );
    const { homeDir } = context.settings;
    const shown = view && (await prepareView(vm.guest, view, { homeDir, signal: context.signal }));
    process.exitCode = await vm.guest.interact({
      ...(shown ? { command: shown } : {}),
      env: cell.env,
      cwd: "/srv/work",
      signal: context.signal,
    });
  });
}
