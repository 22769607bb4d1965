import type { Context } from "../base/context.ts";
import { packagedKernels } from "./choose-package.ts";
import { kernelIndex } from "./debian-index.ts";
import { readPins } from "./pins.ts";
import { aboutOf, kernelStore } from "./stored.ts";
import { compareDebianVersions, compareKernelVersions, upstreamVersion } from "./version.ts";

/** A kernel in the cache. */
export interface CachedKernel {
  readonly id: string;
  readonly kind: "release" | "deb" | "git";
  /** What `uname -r` says in it. */
  readonly version: string;
  readonly bytes: number;
  readonly createdAt: string;
  readonly provenance: string;
}

/** A kernel that can be asked for. */
export interface KnownKernel {
  /** As `--kernel` takes it. */
  readonly selector: string;
  readonly version: string;
  /** Who vouches for it: a pin of ours, or a suite's signed index. */
  readonly source: string;
}

export interface KernelList {
  readonly cached: readonly CachedKernel[];
  /** Releases that can be built, oldest first. */
  readonly releases: readonly KnownKernel[];
  /** Prebuilt Debian kernels, oldest first. */
  readonly packages: readonly KnownKernel[];
}

export interface ListKernelsOptions {
  /** `any`, the default, lists what an earlier look at the archive found; `fresh` looks again once a day. */
  readonly age?: "any" | "fresh";
}

/**
 * The kernels that are on this machine, and those that can be had.
 *
 * @throws {InfraError} with `age: "fresh"`, when the archive is out of reach and was never asked before.
 * @example (await listKernels(context)).cached.map(({ version }) => version)
 */
export async function listKernels(context: Context, options: ListKernelsOptions = {}): Promise<KernelList> {
  const entries = await kernelStore(context).list();
  const pins = await readPins(context.settings.homeDir);
  const index = await kernelIndex(context, { age: options.age ?? "any" });
  const releases = new Map<string, KnownKernel>();
  for (const { version, suite } of index?.sources ?? []) {
    releases.set(version, { selector: version, version, source: `the signed index of ${suite}` });
  }
  for (const { version, sha256, nixpkgs } of pins) {
    if (sha256 !== null) releases.set(version, { selector: version, version, source: "pinned" });
    else if (nixpkgs)
      releases.set(version, { selector: `nix:${version}`, version, source: "pinned, for Nix" });
  }
  return {
    cached: entries.map((entry) => {
      const { kind, version, provenance } = aboutOf(entry);
      return { id: entry.key, kind, version, bytes: entry.bytes, createdAt: entry.createdAt, provenance };
    }),
    releases: [...releases.values()].sort((a, b) => compareKernelVersions(a.version, b.version)),
    packages: packagedKernels(index?.packages ?? [])
      .sort((a, b) => compareDebianVersions(a.version, b.version))
      .map(({ version, suite }) => ({
        selector: `deb:${version}`,
        version: upstreamVersion(version),
        source: `the signed index of ${suite}`,
      })),
  };
}
