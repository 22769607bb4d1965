import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { type KernelSelector, parseKernelSelector } from "../kernel/selector.ts";
import { sourceOf } from "../kernel/sources/index.ts";
import type { DebugImage } from "../kernel/sources/source.ts";
import { type StoredKernel, storedKernel, storedKernels } from "../kernel/stored.ts";
import type { DebugKernel } from "./decode.ts";
import { type SourceTree, sourceOfRelease } from "./source-tree.ts";

/**
 * Where distributions, and kernel builds of one's own, keep images with debug information.
 *
 * @see https://fedoraproject.org/wiki/Packaging:Debuginfo
 */
const usualPlaces = (release: string): string[] => [
  `/usr/lib/debug/boot/vmlinux-${release}`,
  `/usr/lib/debug/lib/modules/${release}/vmlinux`,
  `/usr/lib/debug/usr/lib/modules/${release}/vmlinux`,
  `/lib/modules/${release}/build/vmlinux`,
];

/**
 * A kernel image that the user names.
 *
 * @throws {UsageError} when it cannot be read or is no kernel.
 */
export async function debugKernelAt(path: string, context: Pick<Context, "signal">): Promise<DebugKernel> {
  if (!(await isFile(path))) throw new UsageError(`the kernel image ${path} cannot be read`);
  const release = await releaseOf(path, context);
  if (release === undefined) {
    throw new UsageError(`${path} is no kernel image: it does not say which Linux it is`, {
      next: "Name the uncompressed vmlinux of a build; a bzImage holds it packed and without symbols.",
    });
  }
  return { vmlinux: path, release, tree: sourceOfRelease(release) };
}

/**
 * The image with debug information of the kernel that a selector names.
 *
 * @throws {UsageError} when there is none, with what to do about it.
 */
export async function debugKernelOf(selector: KernelSelector, context: Context): Promise<DebugKernel> {
  const { places, otherwise } = await sourceOf(selector).debugImages(selector, context);
  for (const place of places) {
    const found = await debugKernelIn(place, context);
    if (found) return found;
  }
  throw otherwise;
}

async function debugKernelIn(place: DebugImage, context: Context): Promise<DebugKernel | undefined> {
  switch (place.type) {
    case "file":
      return await debugKernelAt(place.path, context);
    case "twin": {
      const twin = (await twins(context)).find(({ about }) => about.selector === place.of);
      return twin && debugKernelFrom(twin);
    }
    case "installed":
      return (await installedDebugKernels(place.release, context))[0];
  }
}

/**
 * Every image with debug information that may be the one of a kernel, by what it calls itself: twins of kernels
 * built here, and what distributions have installed.
 */
export async function findDebugKernels(release: string, context: Context): Promise<DebugKernel[]> {
  const built = (await twins(context)).filter(({ about }) => about.version === release);
  return [...built.map(debugKernelFrom), ...(await installedDebugKernels(release, context))];
}

async function twins(context: Context): Promise<StoredKernel[]> {
  return (await storedKernels(context)).filter(({ about }) => about.debugInfoOf !== undefined);
}

function debugKernelFrom({ entry, about }: StoredKernel): DebugKernel {
  const { vmlinux, boot } = storedKernel(entry, about.selector);
  const selector = parseKernelSelector(about.selector);
  const tree: SourceTree =
    selector.type === "git"
      ? { type: "git", tree: selector.tree, commit: selector.revision }
      : sourceOfRelease(about.selector);
  return { vmlinux: vmlinux ?? boot, release: about.version, tree };
}

async function installedDebugKernels(release: string, context: Context): Promise<DebugKernel[]> {
  // The name comes out of a log.
  if (!/^\d[\w.+~-]*$/.test(release)) return [];
  const found: DebugKernel[] = [];
  for (const vmlinux of usualPlaces(release)) {
    if (!(await isFile(vmlinux))) continue;
    if ((await releaseOf(vmlinux, context)) === release)
      found.push({ vmlinux, release, tree: sourceOfRelease(release) });
  }
  return found;
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

const banner = "Linux version ";

/**
 * What a kernel image calls itself. It stands in the image as the kernel prints it at boot.
 *
 * @see https://github.com/torvalds/linux/blob/master/init/version.c
 */
async function releaseOf(vmlinux: string, { signal }: Pick<Context, "signal">): Promise<string | undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(vmlinux, { highWaterMark: 4 * 1024 * 1024, signal })) {
    const piece = Buffer.concat([rest, chunk as Buffer]);
    for (let at = piece.indexOf(banner); at >= 0; at = piece.indexOf(banner, at + 1)) {
      const match = /^(\d[\w.+~-]*) \(/.exec(piece.toString("latin1", at + banner.length, at + 200));
      if (match?.[1] !== undefined) return match[1];
    }
    rest = piece.subarray(-200);
  }
  return undefined;
}
