import type { Context } from "../base/context.ts";
import { sideBySide } from "../base/side-by-side.ts";
import { guestSystems } from "../image/systems.ts";
import { provideKernel } from "../kernel/provide.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { requireMachines } from "../platform/host.ts";
import { provideNode } from "../runtime/node.ts";
import type { Cell } from "./cell.ts";
import type { Parts } from "./parts.ts";
import type { PartsRequest } from "./preparation.ts";
import { provideWorkload } from "./workload.ts";

/**
 * Get everything a cell needs onto this host's disk: kernel, image, runtime, workload. What is there already is
 * used again.
 *
 * @throws {UsageError} for a kernel, Node version or workload that does not exist.
 * @throws {InfraError} when something cannot be fetched or built, or this host is not Linux.
 * @example const parts = await provideParts({ id: "vm" }, cell, context);
 */
export async function provideParts(repro: PartsRequest, cell: Cell, context: Context): Promise<Parts> {
  const selector = parseKernelSelector(cell.kernel);
  await repro.check?.(cell, context);
  requireMachines();
  // The image may have a Node of its own, as NixOS images do.
  const release = cell.node === "image" ? undefined : cell.node;
  const npm =
    release === undefined ? undefined : typeof repro.npm === "function" ? repro.npm(release) : repro.npm;
  const node =
    release === undefined ? undefined : await provideNode(release, context, npm === undefined ? {} : { npm });
  // What a user may have mistyped came first. A compiler leaves room for what waits for a network and a disk.
  const fragments = repro.kernelFragments?.(cell) ?? [];
  const nixosSystem = repro.nixosSystem?.(cell);
  const [kernel, image, workload] = await sideBySide(context.signal, [
    async (signal) => await provideKernel(selector, { ...context, signal }, { fragments }),
    async (signal) =>
      await guestSystems[cell.image].provide({ kernel: selector, nixosSystem }, { ...context, signal }),
    async (signal) => await provideWorkload(repro, cell, { ...context, signal }),
  ]);
  return { kernel, image, node, workload };
}
