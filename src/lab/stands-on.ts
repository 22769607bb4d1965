import { copyFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { command } from "../base/command.ts";
import { UsageError } from "../base/errors.ts";
import { imageKinds } from "../base/settings.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";

const diskSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("read-only"),
    serial: z.string(),
    path: z.string(),
    format: z.enum(["raw", "qcow2"]),
  }),
  z.object({ kind: z.literal("layer"), serial: z.string(), file: z.string(), base: z.string() }),
]);

/** What a machine that was put away stands on: files of the cache, which are not put away with it. */
export const standsOn = {
  kernel: z.object({
    selector: z.string(),
    version: z.string(),
    id: z.string(),
    boot: z.string(),
    initrd: z.string().optional(),
    vmlinux: z.string().optional(),
    config: z.string().optional(),
    provenance: z.string(),
  }),
  image: z.object({
    id: z.string(),
    kind: z.enum(imageKinds),
    path: z.string(),
    provenance: z.string(),
  }),
  disks: z.array(diskSchema),
};
const standsOnSchema = z.object(standsOn);

/**
 * See that this host's QEMU is the one that wrote a machine down.
 *
 * @param what was done, for the sentence. @example requireSameQemu("the machine was kept", "7.2.22", signal)
 * @throws {UsageError} when it is another.
 */
export async function requireSameQemu(what: string, version: string, signal: AbortSignal): Promise<void> {
  const { stdout } = await command([guestPlatform.qemu.program, "--version"], {
    within: timeouts.host.ask,
    signal,
  });
  const here = /version (\d+\.\d+)/.exec(stdout)?.[1];
  const then = /^\d+\.\d+/.exec(version)?.[0];
  if (here === then) return;
  throw new UsageError(`${what} by QEMU ${version}, and this host has ${here ?? "another one"}`, {
    next: "A machine's state is understood by the QEMU that wrote it: use one of the same version.",
  });
}

/**
 * See that everything that a machine stands on is still there.
 *
 * @throws {UsageError} when something is gone, with how to get it again.
 */
export async function requireFiles(machine: string, parts: z.infer<typeof standsOnSchema>): Promise<void> {
  const { kernel, image, disks } = parts;
  const next = `Get it again: dstate kernels get ${kernel.selector}`;
  const needed = [
    { path: kernel.boot, what: `the kernel ${kernel.selector}`, next },
    ...(kernel.initrd === undefined
      ? []
      : [{ path: kernel.initrd, what: `the initramfs of ${kernel.selector}`, next }]),
    ...disks.map((disk) => ({
      path: disk.kind === "layer" ? disk.base : disk.path,
      what: `the disk ${disk.serial} (${disk.serial === "dstate-root" ? image.provenance : "made for the run"})`,
      next: "Run the repro in the same cell once more: what a run needs is made again.",
    })),
  ];
  for (const each of needed) {
    if (await isThere(each.path)) continue;
    throw new UsageError(`${machine} needs ${each.what}, which is gone from the cache: ${each.path}`, {
      next: each.next,
    });
  }
}

/**
 * A copy of a disk's layer that may be written to, told where its image is today.
 *
 * @returns its path.
 */
export async function ownLayer(
  layer: string,
  base: string,
  { work, signal }: { readonly work: string; readonly signal: AbortSignal },
): Promise<string> {
  const path = join(work, basename(layer));
  await copyFile(layer, path);
  const argv = ["qemu-img", "rebase", "-u", "-b", base, "-F", "raw", path];
  await command(argv, { within: timeouts.host.files, signal });
  return path;
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
