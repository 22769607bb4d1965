import { Command } from "commander";
import { formatHelp } from "./help.ts";
import type { Session, Wishes } from "./session.ts";

/** Adds a command to the program. */
type AddCommand = (program: Command, session: Session) => void;

/**
 * Every command, and what adds it to the program. A command's modules are loaded when it is the one that is
 * named: help and small commands need not wait for machines, pages and packs.
 */
export const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import("./run.ts")).addRun,
  exec: async () => (await import("./exec.ts")).addExec,
  matrix: async () => (await import("./matrix.ts")).addMatrix,
  merge: async () => (await import("./merge.ts")).addMerge,
  map: async () => (await import("./map.ts")).addMap,
  bench: async () => (await import("./bench.ts")).addBench,
  bisect: async () => (await import("./bisect.ts")).addBisect,
  check: async () => (await import("./check.ts")).addCheck,
  repros: async () => (await import("./repros.ts")).addRepros,
  kernels: async () => (await import("./kernels.ts")).addKernels,
  images: async () => (await import("./images.ts")).addImages,
  cache: async () => (await import("./cache.ts")).addCache,
  shell: async () => (await import("./shell.ts")).addShell,
  attach: async () => (await import("./attach.ts")).addAttach,
  why: async () => (await import("./why.ts")).addWhy,
  hunt: async () => (await import("./hunt.ts")).addHunt,
  replay: async () => (await import("./replay.ts")).addReplay,
  show: async () => (await import("./show.ts")).addShow,
  pack: async () => (await import("./pack.ts")).addPack,
  rerun: async () => (await import("./rerun.ts")).addRerun,
  dmesg: async () => (await import("./dmesg.ts")).addDmesg,
  doctor: async () => (await import("./doctor.ts")).addDoctor,
  setup: async () => (await import("./setup.ts")).addSetup,
  new: async () => (await import("./new.ts")).addNew,
  worker: async () => (await import("./worker.ts")).addWorker,
  tls: async () => (await import("./tls.ts")).addTls,
};

/**
 * The command line, with every command or only the one that is asked for.
 *
 * commander: help, parsing and errors of commands; typed, no dependencies.
 *
 * @param version what `--version` prints.
 * @param argv the words after `dstate`: a command that they begin with is the only one that is loaded.
 */
export async function makeProgram(
  session: Session,
  version: string,
  argv: readonly string[],
): Promise<Command> {
  const program = new Command("dstate")
    .description("Reproduce kernel and runtime bug reports in throwaway virtual machines")
    .version(version)
    .option("--quiet", "no progress: results and errors only")
    .option("--push", "give what is made here to the registry of DSTATE_CACHE_REGISTRY")
    .option("--verbose", "also every command on this host and in guests")
    .exitOverride()
    .configureHelp({ formatHelp: (command, helper) => formatHelp(command, helper, Object.keys(commands)) });
  for (const name of namesIn(argv)) (await commands[name]?.())?.(program, session);
  // What commander does of itself where there are commands.
  if (argv.length === 0) program.action(() => program.help({ error: true }));
  for (const command of program.commands) command.exitOverride();
  program.hook("preAction", async (_program, command) => {
    session.wish(program.opts<Wishes>());
    if (command.optsWithGlobals<{ json?: boolean }>().json === true)
      await session.expectDocument(wordsOf(command));
  });
  return program;
}

/** The commands that words ask for: all, where an unknown one has to be held against every name. */
function namesIn(argv: readonly string[]): readonly string[] {
  const [word] = argv;
  if (word === undefined || word === "--help" || word === "-h") return [];
  return Object.hasOwn(commands, word) ? [word] : Object.keys(commands);
}

/** The words of a command after `dstate`. @example "kernels list" */
function wordsOf(command: Command): string {
  const { parent } = command;
  const isFirst = parent === null || parent.parent === null;
  return isFirst ? command.name() : `${wordsOf(parent)} ${command.name()}`;
}
