import type { ChildProcess } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { InfraError, messageOf } from "../base/errors.ts";
import { hostTroubleIn } from "../base/host-trouble.ts";
import { onProcessExit } from "../base/on-exit.ts";
import { identify } from "../base/owner.ts";
import { type Pace, processPace } from "../base/pace.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause } from "../base/wait.ts";
import type { Platform } from "../platform/platform.ts";
import { qemuArguments } from "./argv.ts";
import { Console } from "./console.ts";
import { feed, type Launched, launch } from "./launch.ts";
import { Machine, userMonitorName } from "./machine.ts";
import type { MachineOptions } from "./options.ts";
import { Qmp } from "./qmp.ts";
import { openRelay } from "./relay.ts";
import { makeRunDirectory, type RunDirectory } from "./run-directory.ts";
import { makeSeed, type Seed, writeSeedDisk } from "./seed.ts";
import { followSerialFile, SerialPipes } from "./serial-line.ts";
import { connectSocket } from "./socket.ts";
import { thawMachine } from "./thaw.ts";

/**
 * Start QEMU and connect to its monitor and console.
 *
 * @throws {InfraError} when QEMU is missing or ends at once, with what it said.
 */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const fresh = makeSeed(options.hostname);
  // A machine that goes on from a frozen state keeps the host key its ssh daemon has in memory.
  const { incoming } = options;
  const seed = incoming
    ? {
        ...fresh,
        hostKey: incoming.hostKey,
        ...(incoming.identity && { clientKey: incoming.identity.clientKey }),
      }
    : fresh;
  await mkdir(options.evidenceDir, { recursive: true });
  const directory = await makeRunDirectory(options.runtimeRoot);
  let child: ChildProcess | undefined;
  let said: string[] = [];
  // Until the machine has its own: an exit in the middle of the start leaves nothing either.
  using _onExit = onProcessExit(() => {
    child?.kill("SIGKILL");
    directory.removeNow();
  });
  try {
    const seedPath = join(directory.own, "seed.img");
    const known = incoming?.identity?.seedDisk ?? options.recording?.seedDisk;
    if (known !== undefined) await copyFile(known, seedPath);
    else await writeSeedDisk(seedPath, seed);
    using pipes = options.recording
      ? undefined
      : await SerialPipes.make(consolePath(directory), { signal: options.signal });
    const consoleLog = join(options.evidenceDir, "console.log");
    const state = await incoming?.open();
    const { platform } = options;
    const argv = qemuArguments({
      platform,
      memoryFile: options.memoryFile,
      incoming: incoming !== undefined,
      accelerator: options.accelerator,
      cpus: options.cpus,
      memory: options.memory,
      kernel: options.kernel.boot,
      initrd: options.kernel.initrd,
      commandLine: options.commandLine,
      disks: [
        ...options.disks,
        { serial: "dstate-seed", path: seedPath, format: "raw", access: "read-only" },
      ],
      qmpSocket: join(directory.own, "qmp"),
      console: consolePath(directory),
      commandsSocket: join(directory.own, "commands"),
      errorsSocket: join(directory.own, "errors"),
      // Another dstate asks the machine through it while this one waits for it.
      userMonitorSocket: join(directory.own, userMonitorName),
      network: options.network,
      tellsGeneration: options.tellsGeneration,
      recording: options.recording,
    });
    const launched = await launch(argv, options, { directory, fed: state !== undefined });
    child = launched.child;
    said = collectErrors(child);
    const [, ...words] = launched.command;
    await writeFile(join(options.evidenceDir, "qemu-arguments.json"), `${JSON.stringify(words, null, 2)}\n`);
    if (state) feed(state, child);
    const pace = processPace(child.pid ?? 0, { factor: 1, ...options.pace });
    const machine = await connectTo(launched, {
      platform,
      directory,
      seed,
      pipes,
      consoleLog,
      said,
      pace,
      options,
    });
    const { restore, revive } = timeouts.machine;
    const within = incoming?.memory === "in the stream" ? revive : restore;
    if (incoming) await thawMachine(machine, incoming, { within, signal: options.signal });
    return machine;
  } catch (error) {
    // What QEMU said before it ended is a better story than a socket that broke off.
    const { program } = options.platform.qemu;
    const failure = child && !options.signal.aborted ? await lastWords(child, program, said, error) : error;
    child?.kill("SIGKILL");
    await directory[Symbol.asyncDispose]();
    throw failure;
  }
}

async function connectTo(
  { child: process, command, confinement }: Launched,
  parts: {
    platform: Platform;
    directory: RunDirectory;
    seed: Seed;
    pipes: SerialPipes | undefined;
    consoleLog: string;
    said: string[];
    pace: Pace;
    options: MachineOptions;
  },
): Promise<Machine> {
  const ended = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>();
  process.once("exit", (code, signal) => ended.resolve({ code, signal }));
  process.once("error", (error) => {
    parts.said.push(messageOf(error));
    ended.resolve({ code: 127, signal: null });
  });
  const early = ended.promise.then(({ code }): never => {
    throw startFailure(command[0], parts.said.join(""), code);
  });
  early.catch(() => {});
  const within = timeouts.machine.sockets;
  const own = process.pid === undefined ? undefined : identify(process.pid);
  if (own) await parts.directory.claim(own);
  const socket = (name: string): string => join(parts.directory.own, name);
  const { pace, options } = parts;
  const { signal } = options;
  const limits = { within, pace, signal };
  // QEMU waits for each of these in turn before it goes on; the order is its own.
  const [commands, errors] = await Promise.race([
    early,
    Promise.all(
      options.recording
        ? [noSocket(), noSocket()]
        : [connectSocket(socket("commands"), limits), connectSocket(socket("errors"), limits)],
    ),
  ]);
  const qmp = await Promise.race([early, Qmp.connect(socket("qmp"), limits)]);
  const line =
    parts.pipes?.connect() ??
    (await Promise.race([early, followSerialFile(consolePath(parts.directory), limits)]));
  const console = new Console(line, { qmp, logFile: parts.consoleLog, pace });
  const port = readSshPort(await qmp.human("info usernet", { signal }));
  const { way, ownNetwork } = confinement;
  const relay =
    ownNetwork && options.network === "isolated"
      ? await openRelay({ pid: process.pid ?? 0, port, way }, options.host)
      : undefined;
  const exited = ended.promise.then((exit) => {
    const shutdown = qmp.latest("SHUTDOWN");
    return {
      ...exit,
      reason: typeof shutdown?.data.reason === "string" ? shutdown.data.reason : undefined,
    };
  });
  return new Machine({
    platform: parts.platform,
    qmp,
    console,
    shell: { commands, errors },
    seed: parts.seed,
    options: parts.options,
    process,
    command,
    confinement,
    sshPort: relay?.port ?? port,
    relay,
    pace,
    exited,
    directory: parts.directory,
  });
}

function consolePath(directory: RunDirectory): string {
  return join(directory.own, "console");
}

/** A way in that is not there. */
function noSocket(): Socket {
  return new Socket().destroy();
}

/** The failure of a QEMU that ended by itself within a moment, else the error that was seen first. */
async function lastWords(
  child: ChildProcess,
  program: string,
  said: readonly string[],
  error: unknown,
): Promise<unknown> {
  if (error instanceof InfraError) return error;
  const ended = new Promise<number | null>((resolve) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    else child.once("exit", resolve);
  });
  const code = await Promise.race([
    ended,
    pause(timeouts.machine.lastWords.milliseconds).then(() => undefined),
  ]);
  return code === undefined ? error : startFailure(program, said.join(""), code);
}

function collectErrors(child: ChildProcess): string[] {
  const said: string[] = [];
  child.stderr?.setEncoding("utf8");
  child.stderr?.on("data", (text: string) => {
    if (said.length < 200) said.push(text.slice(0, 10_000));
  });
  return said;
}

function startFailure(program: string, said: string, code: number | null): InfraError {
  if (code === 127 || /No such file or directory.*qemu|setpriv: failed to execute/.test(said)) {
    return new InfraError(`QEMU could not be started: ${program} or setpriv is not installed`, {
      next: "Run `dstate doctor` to see what is missing and how to install it.",
    });
  }
  const trouble = hostTroubleIn(said);
  return new InfraError(
    `QEMU ended at once with exit code ${code}: ${said
      .trim()
      .split("\n")
      .filter((line) => !line.includes("waiting for connection"))
      .slice(-3)
      .join("; ")}`,
    {
      ...(trouble ? { next: trouble.next } : {}),
    },
  );
}

function readSshPort(usernet: string): number {
  // Protocol[State]    FD  Source Address  Port   Dest. Address  Port
  const match = /TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(usernet);
  if (!match)
    throw new InfraError(`QEMU does not say which port leads to the guest: ${usernet.slice(0, 300)}`);
  return Number(match[1]);
}
