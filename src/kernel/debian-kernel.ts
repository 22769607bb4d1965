import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { command, MissingProgramError } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { keyOf, type StoreEntry } from "../base/store.ts";
import { guestPlatform } from "../platform/platforms.ts";
import {
  choosePackagedKernel,
  isLine,
  type PackagedKernel,
  packagedKernels,
  unknownPackagedKernel,
} from "./choose-package.ts";
import { kernelIndex } from "./debian-index.ts";
import { type InitramfsRecipe, readInitramfsRecipe, writeInitramfs } from "./initramfs.ts";
import type { KernelAbout } from "./kernel.ts";
import { fetchFile } from "./source.ts";
import { kernelStore } from "./stored.ts";

/** Raised when the code below makes something else of the same packages. */
const recipeVersion = 1;

/**
 * A kernel package of Debian, unpacked without installing it, with an initramfs of ours.
 *
 * @throws {UsageError} when no suite has the version.
 * @throws {InfraError} when the archive is out of reach or something is not what its signed index says.
 */
export async function provideDebianKernel(wanted: string, context: Context): Promise<StoreEntry> {
  const kernel = await findPackagedKernel(wanted, context);
  const recipe = await readInitramfsRecipe(context.settings);
  return await kernelStore(context).findOrMake(
    debianKernelKey(kernel, recipe),
    {
      within: "60m",
      signal: context.signal,
      onWait: () =>
        context.progress({
          type: "note",
          text: `another dstate is getting Debian's ${kernel.version}; waiting for it`,
        }),
    },
    async (dir, signal) => {
      const packages: string[] = [];
      for (const { name, version, file } of kernel.parts) {
        const fetched = {
          name: `${name}_${version}_${guestPlatform.debianArchitecture}.deb`,
          sha256: file.sha256,
          urls: async () => [file.url],
        };
        packages.push(await fetchFile(fetched, { ...context, signal }));
      }
      return await step(context.progress, `unpack Debian's Linux ${kernel.version}`, async ({ update }) => {
        const work = join(dir, "work");
        const root = join(work, "root");
        await mkdir(root, { recursive: true });
        for (const path of packages) await unpackDeb(path, root, signal);
        const { release, vmlinuz, config } = await readLayout(root);
        update({ detail: "looking for the ELF image" });
        const boot = await extractBootImage(vmlinuz, { dir, work, signal });
        await rename(config, join(dir, "config"));
        update({ detail: "making the initramfs" });
        await writeInitramfs({ recipe, root, release, work, to: join(dir, "initramfs.cpio"), signal });
        await rm(work, { recursive: true, force: true });
        return {
          kind: "deb",
          selector: `deb:${kernel.version}`,
          version: release,
          boot,
          initrd: "initramfs.cpio",
          config: "config",
          provenance:
            `Debian's package ${kernel.parts.map(({ name }) => name).join(", ")} ${kernel.version} from ${kernel.suite}, ` +
            "sha256 from the suite's signed index.",
        } satisfies KernelAbout;
      });
    },
  );
}

/** Names an unpacked kernel by its packages and by what our initramfs is made of. */
export function debianKernelKey(
  kernel: Pick<PackagedKernel, "version" | "parts">,
  { init, modules, busyboxSha256 }: Omit<InitramfsRecipe, "busybox">,
): string {
  const hashes = kernel.parts.map(({ file }) => file.sha256);
  return `deb-${kernel.version}-${keyOf([recipeVersion, hashes, init, modules, busyboxSha256])}`;
}

async function findPackagedKernel(wanted: string, context: Context): Promise<PackagedKernel> {
  // An exact version stays what it is: an index of any age will do, and no network is needed.
  if (!isLine(wanted)) {
    const old = await kernelIndex(context, { age: "any" });
    const found = old && choosePackagedKernel(wanted, packagedKernels(old.packages));
    if (found) return found;
  }
  const index = await kernelIndex(context, { age: "fresh" });
  const kernels = packagedKernels(index?.packages ?? []);
  const chosen = choosePackagedKernel(wanted, kernels);
  if (!chosen) throw unknownPackagedKernel(wanted, kernels);
  return chosen;
}

/** dpkg-deb where there is one; a .deb is an `ar` archive with a tar inside. */
async function unpackDeb(path: string, to: string, signal: AbortSignal): Promise<void> {
  const options = { within: "10m", signal, install: "Install dpkg, or binutils for its `ar`." } as const;
  try {
    await command(["dpkg-deb", "--extract", path, to], options);
  } catch (error) {
    if (!(error instanceof MissingProgramError)) throw error;
    const { stdout } = await command(["ar", "t", path], options);
    const data = stdout.split("\n").find((name) => name.startsWith("data.tar"));
    if (!data) throw new InfraError(`${path} is no Debian package`);
    await command(["ar", "x", path, data], { ...options, cwd: to });
    await command(["tar", "-xf", data], { ...options, cwd: to });
    await rm(join(to, data));
  }
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
  { dir, work, signal }: { dir: string; work: string; signal: AbortSignal },
): Promise<string> {
  const { bootImage } = guestPlatform;
  const payload = bootImage.payloadOf(await readFile(vmlinuz));
  const unpack = payload && unpackers[payload.compression];
  if (payload && unpack) {
    const packed = join(work, "payload");
    const elf = join(dir, "vmlinux");
    await writeFile(packed, payload.data);
    const made = await command(["sh", "-c", `${unpack} <"$1" >"$2"`, "sh", packed, elf], {
      within: "2m",
      signal,
    }).then(
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

const unpackers: Readonly<Partial<Record<string, string>>> = {
  gzip: "gzip -dc",
  xz: "xz -dc",
  zstd: "zstd -dcq",
  lz4: "lz4 -dcq",
  lzma: "xz --format=lzma -dc",
  none: "cat",
};
