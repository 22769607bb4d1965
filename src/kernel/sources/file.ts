import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { sha256OfFile } from "../../base/hash-file.ts";
import { guestPlatform } from "../../platform/platforms.ts";
import type { Kernel } from "../kernel.ts";
import { after, type KernelSource } from "./source.ts";

const { headBytes, kindOf, packedName, packedPath } = guestPlatform.bootImage;

/** A boot image that is already there, used as it is. */
export const file: KernelSource<"file"> = {
  example: `file:/path/${packedName}`,
  examples: `a file (file:/path/${packedName})`,
  isBuilt: false,
  parse: (text) => {
    const path = after("file", text);
    return path ? { type: "file", path } : undefined;
  },
  format: ({ path }) => `file:${path}`,
  provide: async ({ path }) => await provideFile(path),
  isFixed: () => false,
  nameInLedger: ({ path }) => `file:${path}`,
  releaseOf: () => undefined,
  debugImages: async ({ path }) => ({
    places: [{ type: "file", path }],
    otherwise: new UsageError(`the kernel image ${path} cannot be read`),
  }),
  list: () => [],
};

async function provideFile(given: string): Promise<Kernel> {
  const path = resolve(given);
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
    selector: `file:${given}`,
    version: `file-${sha256.slice(0, 12)}`,
    id: sha256.slice(0, 20),
    boot: path,
    ...(kind === "elf" ? { vmlinux: path } : {}),
    provenance: `The file ${path} with the sha256 ${sha256}, used as it is.`,
  };
}
