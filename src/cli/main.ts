import { Command, CommanderError } from "commander";
import { exitCode } from "../base/errors.ts";
import { serveOwnLibrary } from "../repro/own-library.ts";
import { addBench } from "./bench.ts";
import { addBisect } from "./bisect.ts";
import { addCheck } from "./check.ts";
import { addDmesg } from "./dmesg.ts";
import { addDoctor } from "./doctor.ts";
import { addExec } from "./exec.ts";
import { addImages } from "./images.ts";
import { addKernels } from "./kernels.ts";
import { addMatrix } from "./matrix.ts";
import { addNew } from "./new.ts";
import { addRepros } from "./repros.ts";
import { addRun } from "./run.ts";
import { openSession, type Session } from "./session.ts";
import { addSetup } from "./setup.ts";
import { addShell } from "./shell.ts";
import { addTls } from "./tls.ts";

// commander: help, parsing and errors of commands; typed, no dependencies.
const program = new Command("dstate")
  .description("Reproduce kernel and runtime bug reports in throwaway virtual machines")
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    "after",
    "\nExit codes: 0 clean, 1 reproduced, 125 inconclusive, 2 usage, 70 infra-error, 130 interrupted.",
  );

serveOwnLibrary();
// A repro's own line is often more than ten calls away from where its mistake shows.
Error.stackTraceLimit = 30;

const session: Session = openSession();
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
  addDmesg,
  addDoctor,
  addSetup,
  addNew,
  addTls,
])
  add(program, session);
for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCode.usage;
  else process.exitCode = session.report(error);
} finally {
  session[Symbol.dispose]();
}
// A pipe takes what its reader has room for; what is left has to be waited for.
await new Promise<void>((done) => process.stdout.write("", () => done()));
// Nothing that was left behind, such as a channel to a wedged guest, may keep the process.
process.exit();
