import { join } from "node:path";
import type { Command } from "commander";
import type { Context } from "../base/context.ts";
import { exitCode, messageOf, UsageError } from "../base/errors.ts";
import { parseRegistryReference } from "../base/registry-address.ts";
import { sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { keptOf } from "../lab/find-kept.ts";
import { reviveVm } from "../lab/kept.ts";
import { takeKept } from "../lab/kept-in-registry.ts";
import type { Vm } from "../lab/vm.ts";
import { openDebugger } from "../machine/debugger.ts";
import { findRun, readRun } from "../record/read-run.ts";
import { Run } from "../record/run.ts";
import { gdbLine, imageForGdb } from "./gdb.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

interface AttachOptions {
  readonly console?: boolean;
  readonly gdb?: boolean;
  readonly qmp?: boolean;
  readonly json?: boolean;
}

/** `dstate attach`: a kept machine, as it was. */
export function addAttach(program: Command, session: Session): void {
  const command = program
    .command("attach <run>")
    .description("revive the machine that a run kept, as it was, and look at it; it ends with you")
    .argument("[command...]", "after `--`: run this in the guest as root, print what it says, and end")
    .option("--console", "its serial console; Ctrl-] leaves it")
    .option("--gdb", "let gdb come to it, and print the command line for that")
    .option("--qmp", "print the socket of QEMU's monitor")
    .option("--json", "with a command: one JSON document on standard output");
  withNotes(command, {
    about: [
      "Without an option: a root shell, or the console where the guest gives none any more.",
      "Each time it is the same machine in the same state; nothing of what was kept is changed. A run keeps its machine with `dstate run REPRO --keep`.",
    ],
    examples: [
      "dstate attach last",
      "dstate attach last --gdb",
      "dstate attach last -- ps -eLo pid,stat,wchan:24,comm",
      "dstate attach oci://ghcr.io/me/cache:kept.0123456789abcdef0123",
    ],
  }).action(async (name: string, argv: readonly string[], options: AttachOptions) => {
    const interactive = argv.length === 0 && !options.gdb && !options.qmp;
    if (interactive && !process.stdin.isTTY)
      throw new UsageError("dstate attach needs a terminal", {
        next: "Without one, name a command after --, such as: dstate attach RUN -- dmesg",
      });
    const context = await session.context();
    const folder = name.startsWith("oci://") ? await fetchKept(name, context) : await keptIn(name, context);
    await using vm = await reviveVm(folder, context);
    if (argv.length > 0) {
      process.exitCode = await runCommand(vm, argv, options, session, context);
      return;
    }
    if (options.gdb) await tellOfGdb(vm, session, context);
    if (options.qmp) session.print(`${vm.machine.userMonitor}`);
    if (interactive) process.exitCode = await enter(vm, options, session, context);
    else await untilInterrupted(vm, session, context);
  });
}

async function keptIn(run: string, { settings }: Context): Promise<string> {
  return (await keptOf(await readRun(await findRun(run, settings)))).folder;
}

/** What comes from a registry is kept here, so that it can be attached to again. */
async function fetchKept(name: string, context: Context): Promise<string> {
  const reference = parseRegistryReference(name, context.settings);
  const run = await Run.open({ kind: "attach", about: "kept" }, context);
  const folder = join(run.dir, "kept");
  try {
    await takeKept(reference, folder, context);
    await run.finish();
    return folder;
  } catch (error) {
    await run.fail(error);
    throw error;
  }
}

async function runCommand(
  vm: Vm,
  argv: readonly string[],
  options: AttachOptions,
  session: Session,
  { signal }: Context,
): Promise<number> {
  const result = await vm.guest.quick([...argv], { within: timeouts.guest.exec, signal, allowFailure: true });
  const { stdout, stderr } = result;
  if (stderr !== "" && options.json !== true) session.say(sanitize(stderr).replace(/\n$/, ""));
  session.result(
    "attach",
    { argv: [...argv], ...result },
    { json: options.json, text: () => sanitize(stdout).replace(/\n$/, "") },
  );
  return result.exitCode === 0 ? exitCode.clean : exitCode.reproduced;
}

async function enter(vm: Vm, options: AttachOptions, session: Session, context: Context): Promise<number> {
  const { signal } = context;
  if (options.console !== true) {
    try {
      await vm.guest.connect({ within: timeouts.guest.start, signal });
      session.say("a root shell in the kept machine; it ends with the shell");
      return await vm.guest.interact({ signal });
    } catch (error) {
      signal.throwIfAborted();
      session.say(`the guest gives no shell any more (${messageOf(error)}): its console instead`);
    }
  }
  session.say("the serial console; Ctrl-] leaves it");
  await vm.machine.console.interact({ input: process.stdin, output: process.stdout, signal });
  return exitCode.clean;
}

async function tellOfGdb(vm: Vm, session: Session, context: Context): Promise<void> {
  const image = await imageForGdb(vm.parts.kernel, session, context);
  session.print(gdbLine(image, await openDebugger(vm.machine, context), context));
  session.say("in gdb, `stuck` shows the stacks of the tasks in D");
}

async function untilInterrupted(vm: Vm, session: Session, { signal }: Context): Promise<void> {
  session.say("the machine runs until Ctrl-C");
  signal.throwIfAborted();
  const interrupted = new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  await Promise.race([interrupted, vm.machine.exited]);
}
