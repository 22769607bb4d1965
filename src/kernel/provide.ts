import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { sha256OfFile } from "../base/store.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { type BuiltKernelOptions, provideGitKernel, provideRelease } from "./built-kernel.ts";
import { provideDebianKernel } from "./debian-kernel.ts";
import type { Kernel } from "./kernel.ts";
import { provideNixKernel } from "./nix.ts";
import { formatKernelSelector, type KernelSelector } from "./selector.ts";
import { storedKernel } from "./stored.ts";

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
  options: BuiltKernelOptions = {},
): Promise<Kernel> {
  const text = formatKernelSelector(selector);
  switch (selector.type) {
    case "release":
      return storedKernel(await provideRelease(selector.version, context, options), text);
    case "git":
      return storedKernel(await provideGitKernel(selector, context, options), text);
    default:
      if (options.fragments?.length) {
        throw new UsageError(`${text} is built already: its configuration cannot be changed`, {
          next: "Choose a release such as 6.1.115, or a commit such as git:/path@REV.",
        });
      }
      if (options.debugInfo) {
        throw new UsageError(`${text} is built already: debug information cannot be added to it`, {
          next: "For a distribution's kernel install its debug symbols, and give `dstate dmesg` the file with --vmlinux.",
        });
      }
  }
  switch (selector.type) {
    case "deb":
      return storedKernel(await provideDebianKernel(selector.version, context), text);
    case "file":
      return await fileKernel(selector.path, text);
    case "nix":
      return await provideNixKernel(selector.version, context);
  }
}

async function fileKernel(given: string, selector: string): Promise<Kernel> {
  const path = resolve(given);
  const { headBytes, kindOf, packedName, packedPath } = guestPlatform.bootImage;
  const head = Buffer.alloc(headBytes);
  try {
    await using file = await open(path);
    await file.read(head, 0, head.length, 0);
  } catch (error) {
    throw new UsageError(`the kernel ${path} cannot be read`, {
      next: "Check the path after file:.",
      cause: error,
    });
  }
  const kind = kindOf(head);
  if (kind === undefined) {
    throw new UsageError(`${path} is neither an ELF vmlinux nor a ${packedName}`, {
      next: `Name the vmlinux of a build, or its ${packedPath}.`,
    });
  }
  const sha256 = await sha256OfFile(path);
  return {
    selector,
    version: `file-${sha256.slice(0, 12)}`,
    id: sha256.slice(0, 20),
    boot: path,
    ...(kind === "elf" ? { vmlinux: path } : {}),
    provenance: `The file ${path} with the sha256 ${sha256}, used as it is.`,
  };
}
