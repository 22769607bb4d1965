import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import type { Kernel, KernelOptions } from "./kernel.ts";
import { formatKernelSelector, type KernelSelector } from "./selector.ts";
import { sourceOf } from "./sources/index.ts";

/**
 * The kernel a selector names, on this machine and ready to boot: from the cache, or fetched and built now.
 *
 * @throws {UsageError} when there is no such kernel, or configuration is asked of one that is built already.
 * @throws {InfraError} when it cannot be fetched, checked or built.
 * @example
 * const kernel = await provideKernel(parseKernelSelector("6.1.115"), context, {
 *   fragments: ["CONFIG_MEMBARRIER=n"],
 * });
 */
export async function provideKernel(
  selector: KernelSelector,
  context: Context,
  options: KernelOptions = {},
): Promise<Kernel> {
  const source = sourceOf(selector);
  if (!source.isBuilt) refuseOptions(formatKernelSelector(selector), options);
  return await source.provide(selector, context, options);
}

function refuseOptions(text: string, { fragments, debugInfo }: KernelOptions): void {
  if (fragments?.length) {
    throw new UsageError(`${text} is built already: its configuration cannot be changed`, {
      next: "Choose a release such as 6.1.115, or a commit such as git:/path@REV.",
    });
  }
  if (debugInfo) {
    throw new UsageError(`${text} is built already: debug information cannot be added to it`, {
      next: "For a distribution's kernel install its debug symbols, and give `dstate dmesg` the file with --vmlinux.",
    });
  }
}
