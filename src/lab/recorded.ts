import { copyFile, mkdir, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { requireDiskRoom } from "../base/disk-room.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import { step } from "../base/progress.ts";
import { timeouts } from "../base/timeouts.ts";
import { takeBack } from "../confine/rights.ts";
import { type Moves, plainMoves } from "../machine/argv.ts";
import { type Lease, takeRoom } from "../machine/lease.ts";
import type { Machine } from "../machine/machine.ts";
import type { MachineOptions } from "../machine/options.ts";
import { quietMoments } from "../machine/replay-log.ts";
import { makeRunDirectory } from "../machine/run-directory.ts";
import { startMachine } from "../machine/start.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { runFolder } from "../record/run-folder.ts";
import type { Parts } from "./parts.ts";
import { ownLayer, requireFiles, requireSameQemu, standsOn } from "./stands-on.ts";

/** What a recording says about itself: `recording.json` in its folder. */
export const recordingSchema = z.object({
  schemaVersion: z.literal(1),
  recordedAt: z.iso.datetime(),
  /** QEMU's version: another one takes the instructions apart in another way. */
  qemu: z.string(),
  machine: z.object({
    memory: z.int().positive(),
    commandLine: z.string(),
    network: z.enum(["isolated", "user"]),
    hostname: z.string(),
    /** How its threads were moved; a recording of which nothing is said has QEMU's shift at 2. */
    moves: z.object({ shift: z.int().min(0).max(10), entropy: z.int().optional() }).optional(),
    /** When its clock begins; that of an older recording is the host's, and no debugger can go back there. */
    begins: z.iso.datetime().optional(),
  }),
  ...standsOn,
});
export type Recording = z.infer<typeof recordingSchema>;

/** Where the recording of a trial is. @param trial the folder of its evidence. */
export const recordingOf = (trial: string): string => join(trial, "recording");

const files = { log: "events.bin", seed: "seed.img", about: "recording.json" } as const;
/** A log of the flagship's trial has 60 MB, and its disks as much; who fills this is far from any trial. */
const roomForIt = 2 * 1024 ** 3;

/**
 * Start a machine that is recorded from its first instruction on, in place of an ordinary one. It has one processor,
 * and its clock counts instructions.
 *
 * @param dir is made here, for what comes in and what is written to its disks.
 * @param moves how the guest's threads are moved against each other.
 * @throws {InfraError} when there is no room, or this QEMU cannot record.
 * @see https://www.qemu.org/docs/master/system/replay.html
 */
export async function startRecorded(
  options: MachineOptions,
  parts: Parts,
  dir: string,
  moves: Moves = plainMoves,
): Promise<Machine> {
  const { signal } = options;
  await mkdir(dir, { recursive: true });
  await requireDiskRoom(dir, {
    bytes: roomForIt,
    for: "a recording",
    next: "Free some disk space, or set DSTATE_LOGS to a larger disk.",
  });
  const disks: MachineOptions["disks"][number][] = [];
  const told: Recording["disks"][number][] = [];
  for (const disk of options.disks) {
    if (disk.access === "read-only") {
      disks.push(disk);
      told.push({ kind: "read-only", serial: disk.serial, path: disk.path, format: disk.format });
      continue;
    }
    const file = `${disk.serial}.qcow2`;
    const path = join(dir, file);
    const argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", disk.path, "-F", disk.format, path];
    await command(argv, { within: timeouts.host.files, signal });
    disks.push({ serial: disk.serial, path, format: "qcow2", access: "read-write" });
    told.push({ kind: "layer", serial: disk.serial, file, base: disk.path });
  }
  const begins = new Date().toISOString();
  const commandLine = [options.commandLine, ...options.platform.kernelParameters.recorded].join(" ");
  const machine = await startMachine({
    ...options,
    commandLine,
    accelerator: { type: "tcg" },
    cpus: 1,
    disks,
    recording: { mode: "record", log: join(dir, files.log), moves, begins },
  }).catch((error: unknown) => {
    throw cannotRecord(error);
  });
  await copyFile(join(machine.runPath, files.seed), join(dir, files.seed));
  const { memory, network, hostname } = options;
  const { packages: _packages, ...image } = parts.image;
  const recording: Recording = {
    schemaVersion: 1,
    recordedAt: begins,
    qemu: machine.qmp.version,
    machine: { memory, commandLine, network, hostname, moves, begins },
    kernel: parts.kernel,
    image,
    disks: told,
  };
  await writeFile(join(dir, files.about), `${JSON.stringify(recording, null, 2)}\n`);
  return machine;
}

/**
 * What QEMU says where it was built without it, or is too old.
 *
 * @internal
 */
export function cannotRecord(error: unknown): unknown {
  if (!(error instanceof InfraError)) return error;
  const { message } = error;
  if (
    !/icount|[Rr]ecord\/replay|parameter 'rr|driver 'blkreplay'|filter-replay|accelerator tcg/.test(message)
  )
    return error;
  return new InfraError(`this QEMU cannot record: ${message}`, {
    cause: error,
    next: "Recording was tried with QEMU 7.2, built with TCG as Debian builds it.",
  });
}

/**
 * What a folder has recorded.
 *
 * @throws {UsageError} when there is no whole recording in it.
 */
export async function readRecording(dir: string): Promise<Recording> {
  const text = await readFile(join(dir, files.about), "utf8").catch((cause: unknown) => {
    throw new UsageError(`there is no recording in ${dir}`, {
      next: "A run is recorded with `dstate run REPRO --record`.",
      cause,
    });
  });
  const parsed = recordingSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(
      `the recording in ${dir} cannot be read: ${issue?.path.join(".")}: ${issue?.message}`,
      { next: "It was made by another version of dstate, or its file is damaged." },
    );
  }
  if (!(await isFinished(join(dir, files.log))))
    throw new UsageError(`the recording in ${dir} was not finished`, {
      next: "QEMU writes its head when it ends; it was killed before. Record again.",
    });
  return parsed.data;
}

/** QEMU writes the head of its log last. */
async function isFinished(log: string): Promise<boolean> {
  const file = await open(log).catch(() => undefined);
  if (!file) return false;
  try {
    const head = Buffer.alloc(4);
    await file.read(head, 0, head.length, 0);
    return head.readUInt32BE() !== 0;
  } finally {
    await file.close();
  }
}

/**
 * A recording that can be run here.
 *
 * @throws {UsageError} when it is not whole, what it stands on is gone, or this host's QEMU is another one.
 */
export async function runnableRecording(dir: string, signal: AbortSignal): Promise<Recording> {
  const recording = await readRecording(dir);
  await requireFiles("the recording", recording);
  await requireSameQemu("the run was recorded", recording.qemu, signal);
  return recording;
}

/** A machine that does again what was recorded. Dispose it to end it. */
export interface Replayed extends AsyncDisposable {
  readonly machine: Machine;
  readonly recording: Recording;
  /** The instructions at which it can leave a state, for a debugger to go back to. */
  readonly quietMoments: readonly number[];
  /** What its console says goes there. */
  readonly dir: string;
}

/**
 * Make ready to run what was recorded once more: the same instructions in the same order. The machine waits before its
 * first one; see `replay`. Nothing of the recording is changed.
 *
 * @throws {UsageError} when what it stands on is gone, or this host's QEMU is another one.
 * @throws {InfraError} when QEMU cannot run it.
 */
export async function startReplay(dir: string, context: Context): Promise<Replayed> {
  const { signal, settings } = context;
  const recording = await runnableRecording(dir, signal);
  const evidenceDir = runFolder({ logsDir: join(dirname(resolve(dir)), "replayed") }, "replay");
  await mkdir(evidenceDir, { recursive: true });
  const room = await takeRoom(recording.machine.memory, context);
  const work = await makeRunDirectory(settings.runtimeDir);
  try {
    const disks: MachineOptions["disks"][number][] = [];
    for (const disk of recording.disks) {
      if (disk.kind === "read-only") disks.push({ ...disk, access: "read-only" });
      else {
        const path = await ownLayer(join(dir, disk.file), disk.base, { work: work.path, signal });
        disks.push({ serial: disk.serial, path, format: "qcow2", access: "read-write" });
      }
    }
    const machine = await step(
      context.progress,
      `start what was recorded at ${recording.recordedAt}`,
      async () =>
        await startMachine({
          ...recording.machine,
          platform: guestPlatform,
          accelerator: { type: "tcg" },
          cpus: 1,
          kernel: recording.kernel,
          disks,
          recording: {
            mode: "replay",
            log: join(dir, files.log),
            paused: true,
            moves: recording.machine.moves,
            begins: recording.machine.begins,
            seedDisk: join(dir, files.seed),
          },
          host: settings,
          layersDir: settings.layersDir,
          runtimeRoot: settings.runtimeDir,
          evidenceDir,
          signal,
        }),
    );
    return {
      machine,
      recording,
      // An older recording cannot go back to a state.
      quietMoments:
        recording.machine.begins === undefined ? [] : quietMoments(await readFile(join(dir, files.log))),
      dir: evidenceDir,
      [Symbol.asyncDispose]: async () => {
        await machine[Symbol.asyncDispose]();
        await leave(room, work);
      },
    };
  } catch (error) {
    await leave(room, work);
    throw error;
  }
}

async function leave(room: Lease, work: AsyncDisposable): Promise<void> {
  room[Symbol.dispose]();
  await work[Symbol.asyncDispose]();
}

/** A recording that is whole. */
export interface RecordedMachine {
  readonly folder: string;
  /** Of the log of what came in. */
  readonly logBytes: number;
  /** Of what was written to its disks, and the state that it began with. */
  readonly diskBytes: number;
}

/**
 * What stays of a recording, now that its machine has ended: nothing where nobody wants it, and nothing that QEMU did
 * not finish.
 */
export async function settleRecording(folder: string, stays: boolean): Promise<RecordedMachine | undefined> {
  // QEMU may have been somebody else.
  const names = await readdir(folder).catch((): string[] => []);
  await takeBack(names.map((name) => join(folder, name)));
  const recording = stays ? await readRecording(folder).catch(() => undefined) : undefined;
  if (!recording) {
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }
  let diskBytes = 0;
  for (const disk of recording.disks)
    if (disk.kind === "layer") diskBytes += (await stat(join(folder, disk.file))).size;
  return { folder, logBytes: (await stat(join(folder, files.log))).size, diskBytes };
}
