import { constants as fsConstants } from "node:fs";
import { copyFile, mkdir, open, readdir, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { constants, createZstdCompress } from "node:zlib";
import { z } from "zod";
import { command } from "../base/command.ts";
import { requireDiskRoom } from "../base/disk-room.ts";
import { InfraError } from "../base/errors.ts";
import { hostTroubleOf } from "../base/host-trouble.ts";
import { parseJson } from "../base/parse-json.ts";
import { timeouts } from "../base/timeouts.ts";
import { type WaitOptions, withDeadline } from "../base/wait.ts";
import type { Disk } from "./argv.ts";
import type { Machine } from "./machine.ts";
import { migrateOut } from "./migrate.ts";

/** A private disk of a kept machine: what was written since the image it started from. */
export interface KeptLayer {
  readonly serial: string;
  /** In the kept machine's folder. */
  readonly file: string;
  /** The image below it, on this host. */
  readonly base: string;
}

/** What {@link keepMachine} wrote. */
export interface KeptParts {
  /** Memory and devices, packed by zstd. */
  readonly state: string;
  readonly layers: readonly KeptLayer[];
  /** The keys by which the guest is entered, as it has them in memory. */
  readonly hostKey: string;
  /** QEMU's own version, such as `7.2.22`. */
  readonly qemu: string;
  /** Of all files together. */
  readonly bytes: number;
}

/** Names of the files in a kept machine's folder. */
export const keptFiles = { state: "state.zst", seed: "seed.img", clientKey: "client-key" } as const;

const moreRoom = "Free some disk space, or set DSTATE_LOGS to a larger disk.";

const versionSchema = z.object({ qemu: z.object({ major: z.int(), minor: z.int(), micro: z.int() }) });
const runningSchema = z.object({ running: z.boolean() });
const blockSchema = z.array(
  z.object({
    device: z.string(),
    inserted: z.object({ image: z.object({ filename: z.string() }) }).optional(),
  }),
);
/** How QEMU names a layer of its own over an image. */
const layerSchema = z.object({ file: z.object({ filename: z.string() }) });

/**
 * Save a whole machine into a folder: memory, devices and what its disks hold beyond their images. The machine stands
 * still meanwhile, for seconds, and goes on as if nothing had been.
 *
 * @param dir is made here; whoever may read it may enter the guest, so only its owner may.
 * @throws {InfraError} when the disk has no room or QEMU fails; nothing of it is left then, and the machine goes on.
 * @see https://www.qemu.org/docs/master/devel/migration/main.html
 * @example await keepMachine(vm.machine, join(evidence.dir, "kept"), { within: "2m", signal })
 */
export async function keepMachine(machine: Machine, dir: string, options: WaitOptions): Promise<KeptParts> {
  return await withDeadline("the machine to be saved", options, async (signal) => {
    const { running } = runningSchema.parse(await machine.qmp.call("query-status", {}, { signal }));
    const draft = `${dir}.draft`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true, mode: 0o700 });
    try {
      await requireDiskRoom(draft, {
        // Memory that does not pack takes its whole size.
        bytes: machine.options.memory * 1.1,
        for: "a whole machine",
        next: moreRoom,
      });
      await machine.qmp.call("stop", {}, { signal });
      const parts = await write(machine, draft, signal);
      await rename(draft, dir);
      return parts;
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      // Others write to the same disk: what was room at first need not be room at last.
      if (hostTroubleOf(error)?.kind === "disk-full" && !(error instanceof InfraError))
        throw new InfraError(`the disk of ${dir} became full while the machine was written there`, {
          next: moreRoom,
          cause: error,
        });
      throw error;
    } finally {
      if (running && !machine.fatal) await machine.qmp.call("cont", {}, { within: timeouts.machine.freeze });
    }
  });
}

async function write(machine: Machine, dir: string, signal: AbortSignal): Promise<KeptParts> {
  const { qmp, seed } = machine;
  const state = (await open(join(dir, keptFiles.state), "wx", 0o600)).createWriteStream();
  // Its memory is this machine's own, wherever it came from: it goes into the stream.
  await migrateOut(machine, [packer(), state], { memory: "in the stream", signal });
  const layers: KeptLayer[] = [];
  for (const [index, disk] of machine.options.disks.entries()) {
    if (disk.access !== "private") continue;
    layers.push(await writeLayer(machine, { disk, device: `disk${index}`, dir }, signal));
  }
  await copyFile(join(machine.runPath, keptFiles.seed), join(dir, keptFiles.seed), fsConstants.COPYFILE_EXCL);
  await writeFile(join(dir, keptFiles.clientKey), seed.clientKey, { mode: 0o600 });
  const { qemu } = versionSchema.parse(await qmp.call("query-version", {}, { signal }));
  let bytes = 0;
  for (const name of await readdir(dir)) bytes += (await stat(join(dir, name))).size;
  return {
    state: keptFiles.state,
    layers,
    hostKey: seed.hostKey.toString("base64"),
    qemu: `${qemu.major}.${qemu.minor}.${qemu.micro}`,
    bytes,
  };
}

/** Level 3 packs a guest's memory to a sixth, as fast as QEMU hands it over. */
function packer(): ReturnType<typeof createZstdCompress> {
  return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } });
}

/**
 * The private layer of a disk is a file of QEMU's that has no name any more; its content is complete, for QEMU has
 * given its disks up to whoever goes on with the machine.
 */
async function writeLayer(
  machine: Machine,
  { disk, device, dir }: { disk: Disk; device: string; dir: string },
  signal: AbortSignal,
): Promise<KeptLayer> {
  const blocks = blockSchema.parse(await machine.qmp.call("query-block", {}, { signal }));
  const name = blocks.find((block) => block.device === device)?.inserted?.image.filename ?? "";
  const layer = layerSchema.safeParse(parseJson(name.replace(/^json:/, "")));
  const found = layer.success ? await openFileOf(machine.pid, layer.data.file.filename) : undefined;
  if (found === undefined)
    throw new InfraError(`QEMU does not say where the disk ${disk.serial} is: ${name}`);
  const file = `${disk.serial}.qcow2`;
  const work = join(dir, `${file}.work`);
  await copyFile(found, work);
  const run = async (...argv: string[]): Promise<string> =>
    (await command(["qemu-img", ...argv], { within: timeouts.host.files, signal })).stdout;
  await run("rebase", "-u", "-b", disk.path, "-F", disk.format, work);
  const base = disk.format === "raw" ? disk.path : await imageBelow(disk.path, run);
  // What lies between the layer and the image, such as a frozen machine's own layer, becomes part of the layer.
  if (base !== disk.path) await run("rebase", "-b", base, "-F", "raw", work);
  await run("convert", "-O", "qcow2", "-c", "-B", base, "-F", "raw", work, join(dir, file));
  await rm(work);
  return { serial: disk.serial, file, base };
}

const chainSchema = z.array(z.object({ filename: z.string(), format: z.string() }));

async function imageBelow(path: string, run: (...argv: string[]) => Promise<string>): Promise<string> {
  const chain = chainSchema.parse(JSON.parse(await run("info", "--backing-chain", "--output=json", path)));
  const last = chain.at(-1);
  if (last?.format !== "raw") throw new InfraError(`the disk ${path} stands on no plain image`);
  return last.filename;
}

/**
 * A process' open file, by the name it had before it was removed. The folder may have another name in the namespace of
 * the process; QEMU's own part of the name is there only once.
 */
async function openFileOf(pid: number, name: string): Promise<string | undefined> {
  const folder = `/proc/${pid}/fd`;
  const last = `/${basename(name)}`;
  for (const fd of await readdir(folder)) {
    const link = await readlink(join(folder, fd)).catch(() => "");
    if (link.replace(/ \(deleted\)$/, "").endsWith(last)) return join(folder, fd);
  }
  return undefined;
}
