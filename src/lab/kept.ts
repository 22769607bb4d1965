import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import type { Within } from "../base/deadline.ts";
import { InfraError, messageOf, UsageError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import { longStep } from "../base/past-durations.ts";
import { markUse } from "../base/uses.ts";
import { keepMachine, keptFiles } from "../machine/keep.ts";
import { takeRoom } from "../machine/lease.ts";
import type { MachineOptions } from "../machine/options.ts";
import { makeRunDirectory } from "../machine/run-directory.ts";
import { startMachine } from "../machine/start.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { runFolder } from "../record/run-folder.ts";
import { cacheParts } from "./cache.ts";
import type { Parts } from "./parts.ts";
import { ownLayer, requireFiles, requireSameQemu, standsOn } from "./stands-on.ts";
import { Vm } from "./vm.ts";

/** What a kept machine says about itself: `kept.json` in its folder. */
export const keptSchema = z.object({
  schemaVersion: z.literal(1),
  keptAt: z.iso.datetime(),
  /** QEMU's version: another one may not understand the state. */
  qemu: z.string(),
  machine: z.object({
    accelerator: z.enum(["tcg", "kvm"]),
    cpus: z.int().positive(),
    memory: z.int().positive(),
    commandLine: z.string(),
    network: z.enum(["isolated", "user"]),
    hostname: z.string(),
    /** Whether its memory was a file's, which QEMU calls by another name. */
    memoryFile: z.boolean(),
  }),
  ...standsOn,
  hostKey: z.base64(),
  state: z.string(),
  /** Of all its files. */
  bytes: z.int(),
});
export type Kept = z.infer<typeof keptSchema>;

/**
 * Save a machine with its guest into a folder, as it is now; it goes on afterwards.
 *
 * @throws {InfraError} when it cannot be saved; nothing of it is left then.
 * @example const kept = await keepVm(vm, join(vm.evidenceDir, "kept"), { within: "2m", signal });
 */
export async function keepVm(
  vm: Vm,
  dir: string,
  options: { readonly within: Within; readonly signal?: AbortSignal | undefined },
): Promise<Kept> {
  const { machine, parts } = vm;
  const saved = await keepMachine(machine, dir, options);
  const { accelerator, cpus, memory, commandLine, network, hostname, memoryFile, disks } = machine.options;
  const { packages: _packages, ...image } = parts.image;
  const kept: Kept = {
    schemaVersion: 1,
    keptAt: new Date().toISOString(),
    qemu: saved.qemu,
    machine: {
      accelerator: accelerator.type,
      cpus,
      memory,
      commandLine,
      network,
      hostname,
      memoryFile: memoryFile !== undefined,
    },
    kernel: parts.kernel,
    image,
    disks: disks.map(({ serial, path, format, access }) => {
      const layer = saved.layers.find((each) => each.serial === serial);
      if (access === "private" && layer) return { kind: "layer", ...layer };
      return { kind: "read-only", serial, path, format };
    }),
    hostKey: saved.hostKey,
    state: saved.state,
    bytes: saved.bytes,
  };
  await writeFile(join(dir, "kept.json"), `${JSON.stringify(kept, null, 2)}\n`);
  return kept;
}

/**
 * What a folder keeps.
 *
 * @throws {UsageError} when it keeps no machine, or one of another dstate.
 */
export async function readKept(dir: string): Promise<Kept> {
  const text = await readFile(join(dir, "kept.json"), "utf8").catch((cause: unknown) => {
    throw new UsageError(`there is no kept machine in ${dir}`, {
      next: "A run keeps its machine with `dstate run REPRO --keep`.",
      cause,
    });
  });
  const parsed = keptSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new UsageError(
    `the kept machine in ${dir} cannot be read: ${issue?.path.join(".")}: ${issue?.message}`,
    { next: "It was kept by another version of dstate, or its file is damaged." },
  );
}

/**
 * Revive a kept machine as it was: the same tasks in the same state, each time. Nothing of what is kept is changed.
 *
 * @throws {UsageError} when what it stands on is gone, or this host's QEMU is another one.
 * @throws {InfraError} when QEMU cannot go on with it.
 * @example await using vm = await reviveVm("logs/2026-11-26T15-25-41-io-uring-dstate-491a/kept", context);
 */
export async function reviveVm(dir: string, context: Context): Promise<Vm> {
  const kept = await readKept(dir);
  await requireSameQemu("the machine was kept", kept.qemu, context.signal);
  await markParts(kept, context);
  await requireFiles("the kept machine", kept);
  // Beside what is kept, for it is no run of its own: the last run stays the one that kept the machine.
  const evidenceDir = runFolder({ logsDir: join(dirname(resolve(dir)), "attached") }, "attach");
  await mkdir(evidenceDir, { recursive: true });
  const room = await takeRoom(kept.machine.memory, context);
  const work = await makeRunDirectory(context.settings.runtimeDir);
  try {
    const options = await optionsOf(kept, { dir, work: work.path, evidenceDir }, context);
    const machine = await longStep(
      context,
      { title: `revive the machine kept at ${kept.keptAt}`, kind: "revive", guess: "5s" },
      async () => await startMachine(options),
    );
    void machine.exited.then(async () => await work[Symbol.asyncDispose]());
    const parts: Parts = {
      kernel: kept.kernel,
      image: { ...kept.image, packages: {} },
      workload: kept.disks.find(({ serial }) => serial === "dstate-work") && "/srv/work",
    };
    const { cpus, memory } = kept.machine;
    return Vm.revived(machine, { parts, cpus, memory, evidenceDir }, room, context);
  } catch (error) {
    room[Symbol.dispose]();
    await work[Symbol.asyncDispose]();
    throw error;
  }
}

async function optionsOf(
  kept: Kept,
  places: { readonly dir: string; readonly work: string; readonly evidenceDir: string },
  context: Context,
): Promise<MachineOptions> {
  const { dir, work, evidenceDir } = places;
  const { signal } = context;
  const disks: MachineOptions["disks"][number][] = [];
  for (const disk of kept.disks) {
    if (disk.kind === "read-only") {
      disks.push({ serial: disk.serial, path: disk.path, format: disk.format, access: "read-only" });
      continue;
    }
    const path = await ownLayer(join(dir, disk.file), disk.base, { work, signal });
    disks.push({ serial: disk.serial, path, format: "qcow2", access: "private" });
  }
  const { accelerator, memoryFile, ...machine } = kept.machine;
  return {
    ...machine,
    platform: guestPlatform,
    accelerator: { type: accelerator },
    kernel: kept.kernel,
    disks,
    ...(memoryFile ? { memoryFile: { use: "stream" } } : {}),
    incoming: {
      open: async () => {
        const unpacked = createZstdDecompress();
        const file = (await open(join(dir, kept.state))).createReadStream();
        // A state that is damaged ends the stream; QEMU says that it was not all.
        pipeline(file, unpacked).catch((error: unknown) => unpacked.destroy(asError(error)));
        return unpacked;
      },
      memory: "in the stream",
      hostKey: Buffer.from(kept.hostKey, "base64"),
      identity: {
        clientKey: await readFile(join(dir, keptFiles.clientKey), "utf8"),
        seedDisk: join(dir, keptFiles.seed),
      },
    },
    host: context.settings,
    layersDir: context.settings.layersDir,
    runtimeRoot: context.settings.runtimeDir,
    evidenceDir,
    signal,
  };
}

/** Nobody prunes what it stands on while it runs. */
async function markParts({ kernel, disks }: Kept, { settings }: Pick<Context, "settings">): Promise<void> {
  for (const path of [kernel.boot, ...disks.map((disk) => (disk.kind === "layer" ? disk.base : disk.path))]) {
    const [part, key] = relative(settings.cacheDir, path).split(sep);
    if (part !== undefined && key !== undefined && cacheParts.some(({ name }) => name === part))
      await markUse(join(settings.cacheDir, part), key);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new InfraError(messageOf(error));
}
