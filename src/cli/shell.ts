import type { Command } from "commander";
import { exitCode, UsageError } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import { sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
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
  readonly json?: boolean;
}

/** `dstate shell`: a terminal in a machine of the chosen cell. */
export function addShell(program: Command, session: Session): void {
  const command = program
    .command("shell <repro>")
    .description("boot a machine of the chosen cell and open a shell in it; the machine ends with the shell")
    .argument("[command...]", "after `--`: run this in the guest as root, print what it says, and end")
    .option("--view", "the reporter's screen: the workload loops, ps watches it, a kill -9 waits for Enter")
    .option("--json", "with a command: one JSON document on standard output");
  withNotes(addCellOptions(command), {
    about: ["Exit codes: the shell's own; with a command 0 where it ended with 0, else 1."],
    examples: [
      "dstate shell io-uring-dstate --kernel 6.1.115",
      "dstate shell io-uring-dstate --view",
      "dstate shell io-uring-dstate --kernel 6.1.115 -- cat /proc/cmdline",
    ],
  }).action(async (name: string, argv: readonly string[], options: ShellOptions) => {
    const isCommand = argv.length > 0;
    if (!isCommand && !process.stdin.isTTY)
      throw new UsageError("dstate shell needs a terminal", {
        next: "Without one, name a command after --, such as: dstate shell REPRO -- uname -a",
      });
    if (!isCommand && options.json === true)
      throw new UsageError("--json needs a command: what a person does in a shell makes no document", {
        next: "Name it after --, such as: dstate shell REPRO --json -- uname -a",
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
    const { signal } = context;
    await using vm = await longStep(
      context,
      { title: "start the machine", kind: options.cold ? "start-cold" : "start", guess: undefined },
      async () => await openVm({ ...context, ...repro.machine, parts, cold: options.cold, name: "shell" }),
    );
    const cwd = parts.workload === undefined ? "/root" : "/srv/work";
    const place = { env: cell.env, cwd, signal };
    if (isCommand) {
      const ran = await vm.guest.exec([...argv], {
        ...place,
        within: timeouts.guest.person,
        allowFailure: true,
      });
      if (ran.stderr !== "" && options.json !== true) session.say(sanitize(ran.stderr).replace(/\n$/, ""));
      const start = vm.start === "warm" ? "warm" : "cold";
      session.result(
        "shell",
        { cell, start, evidence: vm.evidenceDir, argv: [...argv], ...ran },
        { json: options.json, text: () => sanitize(ran.stdout).replace(/\n$/, "") },
      );
      process.exitCode = ran.exitCode === 0 ? exitCode.clean : exitCode.reproduced;
      return;
    }
    const start = vm.start === "cold" ? "it booted" : "it went on from a frozen machine";
    session.say(
      `${describeCell(cell)}; ${start}; ${parts.workload === undefined ? "" : "the workload is in /srv/work; "}the console's log: ${vm.machine.console.logFile}`,
    );
    const { homeDir } = context.settings;
    const shown = view && (await prepareView(vm.guest, view, { homeDir, signal }));
    process.exitCode = await vm.guest.interact({ ...(shown ? { command: shown } : {}), ...place });
  });
}
