import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import type { Store, StoreEntry } from "../base/store.ts";
import { sharedStore } from "../supply/registry/other-place.ts";
import { type Kernel, type KernelAbout, kernelAboutSchema } from "./kernel.ts";

/** Where finished kernels are kept. */
export function kernelStore(context: Pick<Context, "settings"> & Partial<Context>): Store {
  return sharedStore("kernels", context);
}

/**
 * What a kernel's cache entry says about itself.
 *
 * @throws {InfraError} when another version of dstate wrote it in another way.
 */
export function aboutOf(entry: StoreEntry): KernelAbout {
  const parsed = kernelAboutSchema.safeParse(entry.about);
  if (parsed.success) return parsed.data;
  throw new InfraError(`the cache entry ${entry.dir} was written by another version of dstate`, {
    next: `Remove it with \`rm -r '${entry.dir}'\` and run the command again: it is made anew.`,
  });
}

/** A finished kernel and what it says about itself. */
export interface StoredKernel {
  readonly entry: StoreEntry;
  readonly about: KernelAbout;
}

/** Every kernel of the cache; corrupt entries and those of other versions of dstate are left out. */
export async function storedKernels(context: Pick<Context, "settings">): Promise<StoredKernel[]> {
  return (await kernelStore(context).list()).flatMap((entry) => {
    const about = kernelAboutSchema.safeParse(entry.about);
    return about.success ? [{ entry, about: about.data }] : [];
  });
}

/** A cache entry as the kernel it holds. */
export function storedKernel(entry: StoreEntry, selector: string): Kernel {
  const about = aboutOf(entry);
  const path = (name: string | undefined): string | undefined => name && join(entry.dir, name);
  const [initrd, vmlinux, config] = [about.initrd, about.vmlinux, about.config].map(path);
  return {
    selector,
    exact: about.selector,
    version: about.version,
    id: entry.key,
    boot: join(entry.dir, about.boot),
    provenance: about.provenance,
    ...(initrd === undefined ? {} : { initrd }),
    ...(vmlinux === undefined ? {} : { vmlinux }),
    ...(config === undefined ? {} : { config }),
  };
}
