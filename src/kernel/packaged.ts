import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { command, MissingProgramError } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { sha256OfFile } from "../base/hash-file.ts";
import { step } from "../base/progress.ts";
import { keyOf, type StoreEntry, sayMadeAnew } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { unpackArchive, unpackOne } from "../supply/archive.ts";
import type { PackageFormat } from "./distributions/table.ts";
import { readInitramfsRecipe } from "./initramfs.ts";
import type { KernelAbout } from "./kernel.ts";
import { kernelStore } from "./stored.ts";
import { finishUnpacked } from "./unpacked-kernel.ts";

/** Raised when the code below makes something else of the same packages. */
const recipeVersion = 1;

/** Where packages have what makes up a kernel. */
const kernelFolders = ["boot", "lib/modules", "usr/lib/modules"];

/** A kernel's package on this machine. */
export interface PackageFile {
  /** For messages. */
  readonly name: string;
  readonly path: string;
}

/** Packages that make up a kernel. */
export interface PackagedInput {
  readonly format: PackageFormat;
  readonly files: readonly [PackageFile, ...PackageFile[]];
  /** As it is called in messages. */
  readonly title: string;
  /** Names exactly this kernel. */
  readonly selector: string;
  /** In the name of its entry in the cache. */
  readonly name: string;
  /** One sentence: where the packages came from, and what was checked. */
  readonly provenance: string;
}

/**
 * A kernel out of a distribution's packages, unpacked without installing them, with an initramfs of ours; from the cache
 * or made now.
 *
 * @throws {InfraError} when a package is broken, dangerous, or laid out in a way that is not known here.
 */
export async function storePackaged(input: PackagedInput, context: Context): Promise<StoreEntry> {
  const { format, files, title } = input;
  const recipe = await readInitramfsRecipe(context.settings);
  const hashes = await Promise.all(files.map(async ({ path }) => await sha256OfFile(path)));
  const { init, modules, busyboxSha256 } = recipe;
  const key = `${input.name}-${keyOf([recipeVersion, format, hashes, init, modules, busyboxSha256])}`;
  const onWait = (): void =>
    context.progress({ type: "note", text: `${title} is being unpacked already; waiting for it` });
  const limits = {
    within: timeouts.make.download,
    signal: context.signal,
    onWait,
    onCorrupt: sayMadeAnew(context),
  } as const;
  return await kernelStore(context).findOrMake(
    key,
    limits,
    async (dir, signal) =>
      await step(context.progress, `unpack ${title}`, async ({ update }) => {
        const work = join(dir, "work");
        const root = join(work, "root");
        await mkdir(root, { recursive: true });
        for (const file of files) await unpackPackage(format, file, root, { work, signal });
        const say = (detail: string): void => update({ detail });
        const finished = await finishUnpacked({ root, work, dir, recipe, signal, say });
        await rm(work, { recursive: true, force: true });
        const { selector, provenance } = input;
        return { kind: "package", selector, ...finished, provenance } satisfies KernelAbout;
      }),
  );
}

/** Unpack what a package has of a kernel. */
async function unpackPackage(
  format: PackageFormat,
  { path, name }: PackageFile,
  root: string,
  { work, signal }: { readonly work: string; readonly signal: AbortSignal },
): Promise<void> {
  const options = { what: name, signal };
  if (format !== "apt") return await unpackArchive(path, root, kernelFolders, options);
  // An `ar` archive, with what is installed in one of its files.
  const data = await unpackOne(path, work, "data\\.tar(\\.\\w+)?", options);
  if (data === undefined) throw new InfraError(`${name} is no Debian package: it has no data.tar`);
  await unpackArchive(join(work, data), root, kernelFolders, options);
  await rm(join(work, data));
}

/** Unpack a package of Debian whose sha256 its archive vouches for, with whatever this host has for it. */
export async function unpackDeb(path: string, to: string, signal: AbortSignal): Promise<void> {
  const install = "Install dpkg, or libarchive-tools for its bsdtar.";
  const options = { within: timeouts.host.image, signal, install } as const;
  try {
    await command(["dpkg-deb", "--extract", path, to], options);
  } catch (error) {
    if (!(error instanceof MissingProgramError)) throw error;
    await unpackPackage("apt", { path, name: path }, to, { work: to, signal });
  }
}
