import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { InfraError } from "../base/errors.ts";
import { filter } from "../base/filter.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import type { Payload } from "../platform/platform.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { type InitramfsRecipe, writeInitramfs } from "./initramfs.ts";
import type { KernelAbout } from "./kernel.ts";

/** The files of a distribution's kernel packages, unpacked into a folder and not installed. */
export interface UnpackedKernel {
  /** Holds `lib/modules` or `usr/lib/modules`, and perhaps `boot`. */
  readonly root: string;
  /** Scratch space. */
  readonly work: string;
  /** Where the kernel goes that is ready to boot. */
  readonly dir: string;
  readonly recipe: InitramfsRecipe;
  readonly signal: AbortSignal;
  /** Tell what is being done. */
  readonly say: (detail: string) => void;
}

/**
 * Make a kernel that is ready to boot of a distribution's: its image, in ELF where QEMU takes that, its configuration,
 * and an initramfs of ours with the modules that reach a guest's root file system.
 *
 * @throws {InfraError} when the files are laid out in a way that is not known here.
 */
export async function finishUnpacked(
  unpacked: UnpackedKernel,
): Promise<Pick<KernelAbout, "version" | "boot" | "initrd" | "config">> {
  const { root, work, dir, recipe, signal, say } = unpacked;
  const { release, vmlinuz, config } = await readLayout(root);
  say("looking for the ELF image");
  const boot = await extractBootImage(vmlinuz, { dir, signal });
  await rename(config, join(dir, "config"));
  say("making the initramfs");
  await writeInitramfs({ recipe, root, release, work, to: join(dir, "initramfs.cpio"), signal });
  return { version: release, boot, initrd: "initramfs.cpio", config: "config" };
}

interface Layout {
  /** What `uname -r` will say. */
  readonly release: string;
  readonly vmlinuz: string;
  readonly config: string;
}

/**
 * Where things are in an unpacked kernel. Up to Linux 6.18 Debian puts the image into /boot and modules
 * below /lib; later ones have all of it below /usr/lib/modules. Module tools look in either, so both are made to
 * work.
 *
 * @throws {InfraError} when it is laid out in yet another way.
 */
async function readLayout(root: string): Promise<Layout> {
  const list = (dir: string): Promise<string[]> => readdir(join(root, dir, "modules")).catch(() => []);
  const [lib, usrLib] = [await list("lib"), await list("usr/lib")];
  const [release] = [...lib, ...usrLib];
  if (release === undefined)
    throw new InfraError("the kernel package has no modules: it is laid out in a new way");
  if (lib.length === 0) await symlink("usr/lib", join(root, "lib"));
  if (usrLib.length === 0) {
    await mkdir(join(root, "usr/lib"), { recursive: true });
    await symlink("../../lib/modules", join(root, "usr/lib/modules"));
  }
  const find = async (name: string): Promise<string> => {
    for (const path of [join(root, "boot", `${name}-${release}`), join(root, "lib/modules", release, name)]) {
      if (await stat(path).catch(() => undefined)) return path;
    }
    throw new InfraError(`the kernel package of ${release} has no ${name}: it is laid out in a new way`);
  };
  return { release, vmlinuz: await find("vmlinuz"), config: await find("config") };
}

/** The ELF image where QEMU can enter it directly, which spares unpacking it under emulation; else the bzImage. */
async function extractBootImage(
  vmlinuz: string,
  { dir, signal }: { dir: string; signal: AbortSignal },
): Promise<string> {
  const { bootImage } = guestPlatform;
  const payload = bootImage.payloadOf(await readFile(vmlinuz));
  const unpack = payload && unpackers[payload.compression];
  if (payload && unpack) {
    const elf = join(dir, "vmlinux");
    const made = await unpackTo(elf, unpack, payload.data, signal).then(
      async () => bootImage.isEntered(await readFile(elf)),
      () => false,
    );
    signal.throwIfAborted();
    if (made) return "vmlinux";
    await rm(elf, { force: true });
  }
  await rename(vmlinuz, join(dir, "vmlinuz"));
  return "vmlinuz";
}

/** Programs that unpack standard input, by how a kernel is packed; `cat` for one that is not. */
const unpackers: Readonly<Partial<Record<Payload["compression"], readonly [string, ...string[]]>>> = {
  gzip: ["gzip", "-dc"],
  xz: ["xz", "-dc"],
  zstd: ["zstd", "-dcq"],
  lz4: ["lz4", "-dcq"],
  lzma: ["xz", "--format=lzma", "-dc"],
  none: ["cat"],
};

async function unpackTo(
  path: string,
  argv: readonly [string, ...string[]],
  packed: Buffer,
  signal: AbortSignal,
): Promise<void> {
  await withDeadline("the kernel to be unpacked", { within: timeouts.host.files, signal }, async (signal) => {
    const unpacked = filter(argv, Readable.from([packed]), {
      signal,
      install: "Install it: `dstate setup`.",
    });
    await pipeline(unpacked, createWriteStream(path));
  });
}
