import type { Context } from "../base/context.ts";
import { sideBySide } from "../base/side-by-side.ts";
import type { Image } from "../image/image.ts";
import { guestSystems } from "../image/systems.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { provideKernel } from "../kernel/provide.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { probeAccelerator } from "../machine/accelerator.ts";
import { requireMachines } from "../platform/host.ts";
import { type NodeRuntime, provideNode } from "../runtime/node.ts";
import type { Cell } from "./cell.ts";
import type { Parts } from "./parts.ts";
import type { PartsRequest } from "./preparation.ts";
import { provideWorkload } from "./workload.ts";

/** How each part of a cell is had; the four need nothing of each other. */
export interface PartWorks {
  readonly kernel: (context: Context) => Promise<Kernel>;
  readonly image: (context: Context) => Promise<Image>;
  readonly node: (context: Context) => Promise<NodeRuntime | undefined>;
  readonly workload: (context: Context) => Promise<string | undefined>;
}

/** What has to be had for a cell. @throws {UsageError} for a kernel that is none. */
export function partWorks(repro: PartsRequest, cell: Cell): PartWorks {
  const selector = parseKernelSelector(cell.kernel);
  // The image may have a Node of its own, as NixOS images do.
  const release = cell.node === "image" ? undefined : cell.node;
  const npm =
    release === undefined ? undefined : typeof repro.npm === "function" ? repro.npm(release) : repro.npm;
  const fragments = repro.kernelFragments?.(cell) ?? [];
  const nixosSystem = repro.nixosSystem?.(cell);
  return {
    kernel: async (context) => await provideKernel(selector, context, { fragments }),
    image: async (context) =>
      await guestSystems[cell.image].provide({ kernel: selector, nixosSystem }, context),
    node: async (context) =>
      release === undefined
        ? undefined
        : await provideNode(release, context, npm === undefined ? {} : { npm }),
    workload: async (context) => await provideWorkload(repro, cell, context),
  };
}

/**
 * Get everything a cell needs onto this host's disk: kernel, image, runtime, workload. What is there already is
 * used again.
 *
 * @throws {UsageError} for a kernel, Node version or workload that does not exist.
 * @throws {InfraError} when something cannot be fetched or built, or this host is not Linux.
 * @example const parts = await provideParts({ id: "vm" }, cell, context);
 */
export async function provideParts(repro: PartsRequest, cell: Cell, context: Context): Promise<Parts> {
  const works = partWorks(repro, cell);
  await repro.check?.(cell, context);
  requireMachines();
  // A compiler leaves room for what waits for a network and a disk; what a user may have mistyped is told in seconds.
  const [kernel, image, node, workload] = await sideBySide(context.signal, [
    async (signal) => await kernelToRun(works, { ...context, signal }),
    async (signal) => await works.image({ ...context, signal }),
    async (signal) => await works.node({ ...context, signal }),
    async (signal) => await works.workload({ ...context, signal }),
  ]);
  return { kernel, image, node, workload };
}

/** A cell's kernel; and what this host's KVM is worth, for that is found out while the image is made. */
async function kernelToRun(works: PartWorks, context: Context): Promise<Kernel> {
  const kernel = await works.kernel(context);
  // What is in the way there is told when a machine starts.
  await probeAccelerator(kernel, context).catch(() => {});
  context.signal.throwIfAborted();
  return kernel;
}
