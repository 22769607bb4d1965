import type { Context } from "../base/context.ts";
import { sideBySide } from "../base/side-by-side.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { isBuiltHere } from "../kernel/selector.ts";
import type { Cell } from "../lab/cell.ts";
import type { PartsRequest } from "../lab/preparation.ts";
import { type PartName, takeParts } from "../lab/take.ts";
import { probeAccelerator } from "../machine/accelerator.ts";
import { type Installation, installMissing } from "./install.ts";
import type { Need } from "./needs.ts";

/** What was done for a repro's cells. */
export interface ReproSetup extends Installation {
  /** Parts of their machines that are neither in the cache nor in a registry: they will be made here. */
  readonly toMake: readonly PartName[];
}

/**
 * Set a host up for some cells of a repro, and no more than they need: what the cache or the user's registry has takes
 * no compiler. Parts are taken side by side while packages are installed, and a kernel that is there tells what this
 * host's KVM is worth.
 *
 * @throws {InfraError} when something is missing and may not be installed.
 * @example await setUpForRepro(repro, cellsOf(repro, context.settings).bad, context)
 */
export async function setUpForRepro(
  repro: PartsRequest,
  cells: readonly Cell[],
  context: Context,
): Promise<ReproSetup> {
  const installed = Promise.withResolvers<void>();
  const probe = async (kernel: Kernel): Promise<void> => {
    // A QEMU that is half installed would say that there is no KVM, and that would be kept.
    await installed.promise;
    await probeAccelerator(kernel, context).catch(() => {});
    context.signal.throwIfAborted();
  };
  const isAsked = context.settings.cacheRegistry !== undefined;
  const [machines, first] = await sideBySide(context.signal, [
    async (signal) => {
      // Without a registry it is known at once what has to be made: all is installed in one go.
      const early = isAsked ? installMachines({ ...context, signal }) : undefined;
      return await Promise.resolve(early).finally(() => installed.resolve());
    },
    async (signal) => await takeAll(repro, cells, { ...context, signal }, probe),
  ]);
  const rest = await installUntilSettled(first, {
    install: async (parts) => await installMissing(context, ["machines", ...needsToMake(parts, cells)]),
    look: async () => await takeAll(repro, cells, context),
  });
  return { ...rest, installed: [...(machines?.installed ?? []), ...rest.installed] };
}

/**
 * Install what is needed to make some parts, and look again as long as that brings something new: a kernel that another
 * host's compiler built does where there is none, and has to be built here when one came for a workload.
 *
 * @param first the parts that have to be made, as far as was known before.
 */
export async function installUntilSettled(
  first: readonly PartName[],
  how: {
    readonly install: (parts: readonly PartName[]) => Promise<Installation>;
    /** The parts that are nowhere now. */
    readonly look: () => Promise<readonly PartName[]>;
  },
): Promise<ReproSetup> {
  const { installed, missing } = await how.install(first);
  const found = { installed, missing, toMake: first };
  if (installed.length === 0) return found;
  const more = (await how.look()).filter((part) => !first.includes(part));
  if (more.length === 0) return found;
  const rest = await installUntilSettled([...first, ...more], how);
  return { ...rest, installed: [...installed, ...rest.installed] };
}

/** What every trial needs; what is wrong with that is told of all packages together, when it is known which. */
async function installMachines(context: Context): Promise<Installation | undefined> {
  return await installMissing(context, ["machines"]).catch(() => {
    context.signal.throwIfAborted();
    return undefined;
  });
}

async function takeAll(
  repro: PartsRequest,
  cells: readonly Cell[],
  context: Context,
  onKernel?: (kernel: Kernel) => Promise<void>,
): Promise<PartName[]> {
  const missing = await sideBySide(
    context.signal,
    cells.map(
      (cell, index) => async (signal: AbortSignal) =>
        await takeParts(repro, cell, { ...context, signal }, index === 0 && onKernel ? { onKernel } : {}),
    ),
  );
  return [...new Set(missing.flat())];
}

/**
 * Which work a host has to be able to do to make some parts.
 *
 * @example needsToMake(["workload"], cells) // ["images", "repros"]
 */
export function needsToMake(parts: readonly PartName[], cells: readonly Cell[]): Need["part"][] {
  const isBuilt = cells.some(({ kernel }) => isBuiltHere(kernel));
  const making: Readonly<Record<PartName, readonly Need["part"][]>> = {
    kernel: isBuilt ? ["kernel builds", "kernel packages"] : ["kernel packages"],
    image: ["images"],
    node: ["images"],
    workload: ["images", "repros"],
  };
  return [...new Set(parts.flatMap((part) => making[part]))];
}
