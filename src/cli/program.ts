import { Command } from "commander";
import { addAttach } from "./attach.ts";
import { addBench } from "./bench.ts";
import { addBisect } from "./bisect.ts";
import { addCheck } from "./check.ts";
import { addDmesg } from "./dmesg.ts";
import { addDoctor } from "./doctor.ts";
import { addExec } from "./exec.ts";
import { formatHelp } from "./help.ts";
import { addImages } from "./images.ts";
import { addKernels } from "./kernels.ts";
import { addMatrix } from "./matrix.ts";
import { addNew } from "./new.ts";
import { addPack } from "./pack.ts";
import { addRepros } from "./repros.ts";
import { addRerun } from "./rerun.ts";
import { addRun } from "./run.ts";
import type { Session } from "./session.ts";
import { addSetup } from "./setup.ts";
import { addShell } from "./shell.ts";
import { addShow } from "./show.ts";
import { addTls } from "./tls.ts";

/**
 * Every command of the command line.
 *
 * commander: help, parsing and errors of commands; typed, no dependencies.
 *
 * @param version what `--version` prints.
 */
export function makeProgram(session: Session, version: string): Command {
  const program = new Command("dstate")
    .description("Reproduce kernel and runtime bug reports in throwaway virtual machines")
    .version(version)
    .exitOverride()
    .configureHelp({ formatHelp });
  for (const add of [
    addRun,
    addExec,
    addMatrix,
    addBench,
    addBisect,
    addCheck,
    addRepros,
    addKernels,
    addImages,
    addShell,
    addAttach,
    addShow,
    addPack,
    addRerun,
    addDmesg,
    addDoctor,
    addSetup,
    addNew,
    addTls,
  ])
    add(program, session);
  for (const command of program.commands) command.exitOverride();
  program.hook("preAction", (_program, command) => {
    if (command.optsWithGlobals<{ json?: boolean }>().json === true) session.expectDocument(wordsOf(command));
  });
  return program;
}

/** The words of a command after `dstate`. @example "kernels list" */
function wordsOf(command: Command): string {
  const { parent } = command;
  const isFirst = parent === null || parent.parent === null;
  return isFirst ? command.name() : `${wordsOf(parent)} ${command.name()}`;
}
