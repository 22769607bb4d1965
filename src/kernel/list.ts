import type { Context } from "../base/context.ts";
import { kernelIndex } from "./debian-index.ts";
import { type Kernel, type KernelAbout, keptKinds } from "./kernel.ts";
import { readPins } from "./pins.ts";
import { kernelSources } from "./sources/index.ts";
import type { KnownKernel } from "./sources/source.ts";
import { type StoredKernel, storedKernel, storedKernels } from "./stored.ts";
import { treeReleases } from "./tree-releases.ts";
import { compareKernelVersions } from "./version.ts";

/** A kernel in the cache. */
export interface CachedKernel {
  /** Names exactly this kernel, as `--kernel` takes it. */
  readonly selector: string;
  readonly id: string;
  readonly kind: KernelAbout["kind"];
  /** What `uname -r` says in it. */
  readonly version: string;
  readonly bytes: number;
  /** Whether it has DWARF, which decodes call chains. */
  readonly debugInfo: boolean;
  readonly createdAt: string;
  readonly provenance: string;
}

export interface KernelList {
  readonly cached: readonly CachedKernel[];
  /** Releases that can be built, oldest first. */
  readonly releases: readonly KnownKernel[];
  /** Prebuilt Debian kernels, oldest first. */
  readonly packages: readonly KnownKernel[];
}

export interface ListKernelsOptions {
  /** `any`, the default, takes what an earlier look at the archive found; `fresh` looks again once a day. */
  readonly age?: "any" | "fresh";
}

/**
 * The kernels that are on this machine, and those that can be had.
 *
 * @throws {InfraError} with `age: "fresh"`, when the archive is out of reach and was never asked before.
 * @example (await listKernels(context)).cached.map(({ version }) => version)
 */
export async function listKernels(context: Context, options: ListKernelsOptions = {}): Promise<KernelList> {
  const pins = await readPins(context.settings.homeDir);
  const index = await kernelIndex(context, { age: options.age ?? "any" });
  const known = { index, pins, trees: await treeReleases(context) };
  // A release is listed once: as Nix's where only Nix can build it.
  const releases = [...kernelSources.nix.list(known), ...kernelSources.release.list(known)];
  const byVersion = new Map(releases.map((kernel) => [kernel.version, kernel]));
  return {
    cached: (await storedKernels(context)).map(cachedKernel),
    releases: [...byVersion.values()].sort((a, b) => compareKernelVersions(a.version, b.version)),
    packages: kernelSources.deb.list(known),
  };
}

/**
 * A kernel of the cache, for probing what the host can do: one of our own builds if there is one, else any.
 *
 * @returns undefined when the cache has none.
 */
export async function findCachedKernel(context: Pick<Context, "settings">): Promise<Kernel | undefined> {
  const kernels = await storedKernels(context);
  const kernel = keptKinds.flatMap((kind) => kernels.filter(({ about }) => about.kind === kind))[0];
  return kernel && storedKernel(kernel.entry, kernel.about.selector);
}

function cachedKernel({ entry, about }: StoredKernel): CachedKernel {
  const { selector, kind, version, provenance } = about;
  return {
    selector,
    id: entry.key,
    kind,
    version,
    bytes: entry.bytes,
    debugInfo: about.debugInfoOf !== undefined,
    createdAt: entry.createdAt,
    provenance,
  };
}
