import type { Context } from "../base/context.ts";
import { acceleratorHere } from "../campaign/accelerator-here.ts";
import { buildSeconds } from "../kernel/built-kernel.ts";
import { findCachedKernel } from "../kernel/list.ts";
import { storedKernels } from "../kernel/stored.ts";
import { canOpenKvm } from "../machine/accelerator.ts";
import { roomOf } from "../machine/lease.ts";
import { mostOf } from "../machine/room.ts";
import { guestPlatform } from "../platform/platforms.ts";
import type { Abilities } from "./work.ts";

/**
 * What this host has for a queue's jobs.
 *
 * @param free jobs that it could begin now.
 */
export async function abilitiesOf(context: Context, free: number): Promise<Abilities> {
  const { settings } = context;
  return {
    architecture: guestPlatform.name,
    accelerator:
      (await canOpenKvm()) && (await findCachedKernel(context)) === undefined
        ? "unknown"
        : await acceleratorHere(context),
    memory: mostOf(roomOf(settings)),
    kernels: (await storedKernels(context)).map(({ about }) => about.selector),
    shares: settings.cacheRegistry !== undefined,
    buildSeconds: await buildSeconds(context),
    free,
  };
}
