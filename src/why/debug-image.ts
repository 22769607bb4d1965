import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { debugKernelAt, debugKernelOf } from "../decode/debug-kernel.ts";
import type { DebugKernel } from "../decode/decode.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { storedKernel, storedKernels } from "../kernel/stored.ts";

/** A kernel that a machine runs. */
export interface RunningKernel {
  readonly selector: string;
  /** Names its entry in the cache. */
  readonly id: string;
  /** Its image, where that has symbols. */
  readonly vmlinux?: string | undefined;
}

/**
 * The image with debug information of exactly the kernel that a machine runs: one that the user names, its own if it
 * was built with it, its twin in the cache, or what is installed for it.
 *
 * @throws {UsageError} when there is none, with how to get it.
 */
export async function debugImageFor(
  kernel: RunningKernel,
  options: { readonly vmlinux?: string | undefined },
  context: Context,
): Promise<DebugKernel> {
  if (options.vmlinux !== undefined) {
    const named = await debugKernelAt(options.vmlinux, context);
    if (await hasDebugInformation(named.vmlinux, context)) return named;
    throw new UsageError(`${options.vmlinux} has no debug information`, {
      next: "Build the kernel with CONFIG_DEBUG_INFO, or install its debug symbols.",
    });
  }
  if (kernel.vmlinux !== undefined && (await hasDebugInformation(kernel.vmlinux, context)))
    return await debugKernelAt(kernel.vmlinux, context);
  const twin = (await storedKernels(context)).find(({ about }) => about.debugInfoOf === kernel.id);
  if (twin) {
    const { vmlinux, boot } = storedKernel(twin.entry, twin.about.selector);
    return await debugKernelAt(vmlinux ?? boot, context);
  }
  return await debugKernelOf(parseKernelSelector(kernel.selector), context);
}

async function hasDebugInformation(vmlinux: string, { signal }: Context): Promise<boolean> {
  const argv = ["readelf", "--section-headers", "--wide", "--", vmlinux];
  const { stdout } = await command(argv, {
    within: timeouts.host.symbols,
    signal,
    install: "Install binutils.",
  });
  return /\s\.debug_info\s/.test(stdout);
}
