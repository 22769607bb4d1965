import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, realpath, rename, rm, stat, symlink } from "node:fs/promises";
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
  if (config !== undefined) await rename(config, join(dir, "config"));
  say("making the initramfs");
  await writeInitramfs({ recipe, root, release, work, to: join(dir, "initramfs.cpio"), signal });
  return {
    version: release,
    boot,
    initrd: "initramfs.cpio",
    ...(config !== undefined && { config: "config" }),
  };
}

interface Layout {
  /** What `uname -r` will say. */
  readonly release: string;
  readonly vmlinuz: string;
  /** Undefined: the distribution keeps it elsewhere. */
  readonly config: string | undefined;
}

/**
 * Where things are in an unpacked kernel. Some have the image in /boot and modules below /lib, others all of it below
 * /usr/lib/modules; a kernel without modules has its name at its image only. Module tools look in either folder, so both
 * are made to work.
 *
 * @throws {InfraError} when it is laid out in yet another way.
 */
async function readLayout(root: string): Promise<Layout> {
  const list = (dir: string): Promise<string[]> => readdir(join(root, dir)).catch(() => []);
  const images = (await list("boot")).filter((name) => name.startsWith("vmlinuz"));
  const [lib, usrLib] = [await list("lib/modules"), await list("usr/lib/modules")];
  const release = [...lib, ...usrLib][0] ?? images[0]?.slice("vmlinuz-".length);
  if (!release) throw new InfraError("the kernel package has neither modules nor an image in /boot");
  if (usrLib.length > 0 && lib.length === 0) await symlink("usr/lib", join(root, "lib"));
  else {
    await mkdir(join(root, "lib/modules", release), { recursive: true });
    await mkdir(join(root, "usr/lib"), { recursive: true });
    if (usrLib.length === 0) await symlink("../../lib/modules", join(root, "usr/lib/modules"));
  }
  const find = async (paths: readonly string[]): Promise<string | undefined> => {
    for (const path of paths) {
      const real = await realpath(join(root, path)).catch(() => undefined);
      if (real === undefined) continue;
      // A link of a package must not show files of this machine.
      if (!real.startsWith(`${await realpath(root)}/`) || !(await stat(real)).isFile())
        throw new InfraError(`${path} of the kernel package is no file of its own`);
      return real;
    }
    return undefined;
  };
  const placesOf = (name: string): string[] => [`boot/${name}-${release}`, `lib/modules/${release}/${name}`];
  // Alpine's is called by its flavour.
  const only = images.length === 1 ? images.map((name) => `boot/${name}`) : [];
  const vmlinuz = await find([...placesOf("vmlinuz"), ...only]);
  if (vmlinuz === undefined)
    throw new InfraError(`the kernel package of ${release} has no vmlinuz: it is laid out in a new way`);
  return { release, vmlinuz, config: await find(placesOf("config")) };
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
