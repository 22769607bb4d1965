import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Cell } from "./cell.ts";
import type { PartsRequest } from "./preparation.ts";
import { type PartWorks, partWorks } from "./provide.ts";

/** What a machine is made from. */
export type PartName = keyof PartWorks;

/**
 * Take what the cache and the user's registry have of a cell's parts, all at once, and make nothing: what a part
 * takes to be made need not be on this host then.
 *
 * @param options.onKernel told of the kernel as soon as it is there; waited for.
 * @returns the parts that are nowhere.
 * @throws {UsageError} for a part that does not exist; what is wrong with a registry is a note.
 * @example await takeParts(repro, cell, context) // ["kernel"]: only that has to be made
 */
export async function takeParts(
  repro: PartsRequest,
  cell: Cell,
  context: Context,
  options: { readonly onKernel?: (kernel: Kernel) => Promise<void> } = {},
): Promise<PartName[]> {
  const works = partWorks(repro, cell);
  await repro.check?.(cell, context);
  const own: Context = { ...context, settings: { ...context.settings, takeOnly: true } };
  const take = async (name: PartName): Promise<PartName[]> => {
    try {
      if (name !== "kernel") await works[name](own);
      else {
        const kernel = await works.kernel(own);
        await options.onKernel?.(kernel);
      }
      return [];
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof UsageError) throw error;
      // Whatever is in the way here will be told when the part is made.
      return [name];
    }
  };
  const taken = await Promise.allSettled((["kernel", "image", "node", "workload"] as const).map(take));
  for (const one of taken) if (one.status === "rejected") throw one.reason;
  return taken.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
}
