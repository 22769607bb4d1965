import type { Context } from "../base/context.ts";
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
  // What a user may have mistyped comes first, what takes long last.
  const kernel = await provideKernel(selector, context, {
    fragments: repro.kernelFragments?.(cell) ?? [],
  });
  const image = await guestSystems[cell.image].provide(
    { kernel: selector, nixosSystem: repro.nixosSystem?.(cell) },
    context,
  );
  const workload = await provideWorkload(repro, cell, context);
  return { kernel, image, node, workload };
}
