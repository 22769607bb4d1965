import { z } from "zod";

/** A kernel that is on this machine, whole and ready to boot. */
export interface Kernel {
  /** As the user wrote it. */
  readonly selector: string;
  /** The selector that names exactly this kernel, whatever the user wrote; undefined: none does. */
  readonly exact?: string | undefined;
  /** What `uname -r` will say, less a distribution's own suffix where the source is upstream's. */
  readonly version: string;
  /** Names its content: the same id boots the same bits. */
  readonly id: string;
  /** What QEMU's `-kernel` is given: an ELF vmlinux with a PVH note where there is one, else a bzImage. */
  readonly boot: string;
  readonly initrd?: string | undefined;
  /** The ELF image with its symbol table. */
  readonly vmlinux?: string | undefined;
  /** The kernel's .config. */
  readonly config?: string | undefined;
  /** One sentence for a report: where it came from and what was checked. */
  readonly provenance: string;
}

/** What can be chosen of a kernel that is built here. */
export interface KernelOptions {
  /** More configuration, laid over the guest kernel's own; later ones win. */
  readonly fragments?: readonly string[];
  /** Build its twin with DWARF, which decodes the call chains of both. */
  readonly debugInfo?: boolean | undefined;
}

/** The sources whose kernels the cache keeps, the one that is most likely to suit any host first. */
export const keptKinds = ["release", "deb", "package", "git"] as const;

/** What a kernel's cache entry says about itself; paths are relative to the entry's folder. */
export const kernelAboutSchema = z.object({
  kind: z.enum(keptKinds),
  /** Names exactly this kernel, whatever the user wrote. */
  selector: z.string(),
  version: z.string(),
  boot: z.string(),
  initrd: z.string().optional(),
  vmlinux: z.string().optional(),
  config: z.string().optional(),
  provenance: z.string(),
  /** How many objects the build compiled: what the next build of the same configuration measures itself by. */
  objects: z.int().optional(),
  fragments: z.string().optional(),
  /** What built it here; kernels of before November 2026 do not say. */
  compiler: z.string().optional(),
  /** It has DWARF, and its code is that of this other entry of the cache. */
  debugInfoOf: z.string().optional(),
});
export type KernelAbout = z.infer<typeof kernelAboutSchema>;
