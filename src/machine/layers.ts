import { existsSync } from "node:fs";
import { mkdir, readdir, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { requireDiskRoom } from "../base/disk-room.ts";
import { hostTroubleIn } from "../base/host-trouble.ts";
import type { Disk } from "./argv.ts";
import { MachineFault } from "./fault.ts";
import type { QmpEvent } from "./qmp.ts";

/**
 * What a guest writes to its private disks is kept in unlinked files of QEMU's. This much room is asked for before a
 * machine starts: what a boot and a small workload write, with some to spare. Bytes.
 */
const leastRoom = 256 * 2 ** 20;

/** What QEMU calls its temporary files. */
const layerName = /^vl\.\w{6}$/;

/** A file that QEMU has just made is not unlinked yet. Milliseconds. */
const stillNew = 60_000;

/** Where one machine's private layers are, by the name of its run directory. */
export function layersOf(
  { layersDir }: { readonly layersDir: string },
  { path }: { readonly path: string },
): string {
  return join(layersDir, basename(path));
}

/**
 * Make the folder for private layers ready: it is there, its disk has room, and nothing is in it that a QEMU left
 * that was killed before it had unlinked it, nor the folder of a machine whose run directory went with the host.
 *
 * @throws {InfraError} when its disk is nearly full.
 */
export async function prepareLayers(
  dir: string,
  { runtimeRoot }: { readonly runtimeRoot: string },
): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  for (const name of await readdir(dir)) {
    const ofMachine = name.startsWith("m-");
    if (!ofMachine && !layerName.test(name)) continue;
    const path = join(dir, name);
    const found = await stat(path).catch(() => undefined);
    if (!found || Date.now() - found.mtimeMs < stillNew) continue;
    if (!ofMachine) await rm(path, { force: true });
    else if (!existsSync(join(runtimeRoot, name))) await removeUnused(path);
  }
  await requireDiskRoom(dir, {
    bytes: leastRoom,
    for: "what a guest writes to its disks",
    next: "Free some disk space, or set DSTATE_CACHE to a larger disk: the layers lie below it.",
  });
}

/** A machine of another runtime folder may still have it: what has no name in it any more does not mind. */
async function removeUnused(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [] as string[]))
    if (layerName.test(name)) await rm(join(folder, name), { force: true });
  await rmdir(folder).catch(() => {});
}

/**
 * The fault behind a word of QEMU's that a disk of the host failed it: it has stopped the machine, or told the guest
 * of an error that is none of the guest's.
 *
 * @see https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (BLOCK_IO_ERROR)
 */
export function diskFault(
  { name, data }: QmpEvent,
  machine: { readonly disks: readonly Disk[]; readonly layersDir: string; readonly evidence: string },
): MachineFault | undefined {
  if (name !== "BLOCK_IO_ERROR") return undefined;
  const said = typeof data.reason === "string" ? data.reason : "no reason given";
  const reason = data.nospace === true ? "No space left on device" : said;
  const disk = machine.disks[Number(/^disk(\d+)$/.exec(String(data.device))?.[1])];
  const place = disk && disk.access !== "private" ? dirname(disk.path) : machine.layersDir;
  const trouble = hostTroubleIn(reason);
  const way = data.operation === "read" ? "read from" : "write to";
  return new MachineFault(
    "host",
    `${trouble?.what ?? "a disk of this host failed"}: the machine could not ${way} ${place} (${reason})`,
    {
      evidence: machine.evidence,
      next: trouble?.next ?? "See the host's own kernel log (`dmesg`), or set DSTATE_CACHE to another disk.",
    },
  );
}
