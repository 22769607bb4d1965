import type { Context } from "../../base/context.ts";
import type { UsageError } from "../../base/errors.ts";
import type { KernelChange } from "../changes.ts";
import type { KernelIndex } from "../debian-index.ts";
import type { DistributionName, PackageFormat } from "../distributions/table.ts";
import type { Kernel, KernelOptions } from "../kernel.ts";
import type { KernelPin } from "../pins.ts";
import type { TreeRelease } from "../tree-releases.ts";

/** What a selector says for each place that kernels come from. */
interface SelectorParts {
  /** An upstream release, built from its pristine source. */
  release: { readonly version: string; readonly changes?: readonly KernelChange[] | undefined };
  /** A kernel package of Debian: an upstream version, a full Debian version, or a line such as `6.1`. */
  deb: {
    readonly version: string;
    /** When the archive had it, for one that it has dropped since: `20241015T000000Z`, or a day. */
    readonly at?: string | undefined;
  };
  /** A kernel of another distribution, by its version. */
  distribution: { readonly distribution: DistributionName; readonly version: string };
  /** Packages of a kernel that are there already. */
  package: { readonly format: PackageFormat; readonly paths: readonly [string, ...string[]] };
  /** A commit of a kernel tree on this machine. */
  git: {
    readonly tree: string;
    readonly revision: string;
    readonly changes?: readonly KernelChange[] | undefined;
  };
  /** A vmlinux or a packed image that is already there. */
  file: { readonly path: string };
  /** A kernel of nixpkgs. */
  nix: { readonly version: string };
}

export type SourceType = keyof SelectorParts;

/** Which kernel a user means, as they write it on the command line or in a repro's axis. */
export type KernelSelector<T extends SourceType = SourceType> = {
  [K in T]: { readonly type: K } & SelectorParts[K];
}[T];

/**
 * A place that kernels come from: everything that depends on it. A new one is a line above, a file beside this one and
 * a row of {@link file://./index.ts}.
 */
export interface KernelSource<T extends SourceType> {
  /** How a user writes one, for help: `deb:6.12.43`. */
  readonly example: string;
  /** The same with its name, for errors: `a file (file:/path/vmlinux)`. */
  readonly examples: string;
  /** Whether kernels are built here: their configuration can be chosen, and debug information added. */
  readonly isBuilt: boolean;
  /** Read a whole selector. @returns undefined when it is not one of this source. */
  parse(text: string): KernelSelector<T> | undefined;
  /** Write a selector as a user would. */
  format(selector: KernelSelector<T>): string;
  /**
   * The kernel, on this machine and ready to boot.
   *
   * @throws {UsageError} when there is no such kernel.
   * @throws {InfraError} when it cannot be fetched, checked or built.
   */
  provide(selector: KernelSelector<T>, context: Context, options: KernelOptions): Promise<Kernel>;
  /** Whether the selector names the same kernel for ever. */
  isFixed(selector: KernelSelector<T>): boolean;
  /** What the ledger calls the kernel of a fixed selector. */
  nameInLedger(selector: KernelSelector<T>): string;
  /** The upstream release, for kernels that stand in a row of such; undefined: this one does not. */
  releaseOf(selector: KernelSelector<T>): string | undefined;
  /** Where to look for the kernel's image with debug information. */
  debugImages(selector: KernelSelector<T>, context: Context): Promise<DebugImages>;
  /** The kernels that can be asked for, oldest first. */
  list(known: KnownPlaces): readonly KnownKernel[];
}

/** What lists of kernels are read from. */
export interface KnownPlaces {
  readonly index: KernelIndex | undefined;
  readonly pins: readonly KernelPin[];
  /** What the git trees of the settings hold. */
  readonly trees: readonly TreeRelease[];
}

/** A kernel that can be asked for. */
export interface KnownKernel {
  /** As `--kernel` takes it. */
  readonly selector: string;
  /** Upstream's. */
  readonly version: string;
  /** Who vouches for it: a pin of ours, or a suite's signed index; or the git tree that has it. */
  readonly source: string;
}

/** A place where an image with debug information may be. */
export type DebugImage =
  /** A file that a user names. */
  | { readonly type: "file"; readonly path: string }
  /** The twin of the cache's kernel that has this selector. */
  | { readonly type: "twin"; readonly of: string }
  /** Where a distribution installs the image of the kernel that `uname -r` calls this. */
  | { readonly type: "installed"; readonly release: string };

export interface DebugImages {
  /** The best first. */
  readonly places: readonly DebugImage[];
  /** What to tell a user when it is in none of them. */
  readonly otherwise: UsageError;
}

/** The rest of a selector that begins with a word and a colon; undefined: it begins with something else. */
export function after(word: string, text: string): string | undefined {
  return text.startsWith(`${word}:`) ? text.slice(word.length + 1) : undefined;
}
