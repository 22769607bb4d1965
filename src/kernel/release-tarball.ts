import type { Context } from "../base/context.ts";
import { InfraError, messageOf, UsageError } from "../base/errors.ts";
import { debianRoots } from "../supply/debian-roots.ts";
import { otherPlaces, UnreachableError } from "../supply/download.ts";
import { fetchFile } from "../supply/fetch-file.ts";
import { kernelIndex } from "./debian-index.ts";
import { kernelOrgSource } from "./kernel-org.ts";
import { type KernelPin, readPins } from "./pins.ts";
import { treeReleases } from "./tree-releases.ts";
import { compareKernelVersions, nearestKernels } from "./version.ts";

/** A release's source tarball: what it is, and where it may be had. */
export interface KernelSourceTarball {
  readonly version: string;
  readonly sha256: string;
  /** Asked only when the tarball is not here yet. */
  readonly urls: () => Promise<string[]>;
  /** One sentence: who vouches for the sha256. */
  readonly provenance: string;
}

/**
 * The sources a release can be built from, the best vouched for first. Each is found only when the one before
 * it was of no use: a pinned release that was fetched before needs no network at all.
 *
 * @throws {UsageError} when no place knows the version: it names versions near it that exist.
 * @throws {InfraError} when no place could be asked.
 */
export async function* releaseSources(
  version: string,
  context: Context,
): AsyncGenerator<KernelSourceTarball> {
  const pins = await readPins(context.settings.homeDir);
  const pin = pins.find((pin) => pin.version === version);
  let offered = false;
  if (pin) {
    offered = true;
    yield pinned(pin, context);
  }
  const unreachable: string[] = [];
  const known = [...pins.filter(({ sha256 }) => sha256 !== null), ...(await treeReleases(context))].map(
    ({ version }) => version,
  );
  let asked = 0;
  for (const age of ["any", "fresh"] as const) {
    try {
      const index = await kernelIndex(context, { age });
      if (!index) continue;
      const found = Map.groupBy(
        index.sources.filter((source) => source.version === version),
        ({ file }) => file.sha256,
      );
      // The same version may have been packed more than once, and not every mirror has all of it.
      for (const [sha256, sources] of found) {
        offered = true;
        yield {
          version,
          sha256,
          urls: async () => [...new Set(sources.map(({ file }) => file.url))],
          provenance: `The Debian archive's source of Linux ${version}, sha256 from the signed index of ${sources[0]?.suite}.`,
        };
      }
      if (found.size > 0) break;
      if (age === "any") continue;
      asked += 1;
      known.push(...index.sources.map(({ version }) => version));
    } catch (error) {
      if (!(error instanceof InfraError)) throw error;
      unreachable.push(messageOf(error));
    }
  }
  for (const place of context.settings.kernelPlaces) {
    try {
      const found = await kernelOrgSource(place, version, context);
      asked += 1;
      if (!found) continue;
      offered = true;
      const provenance = `Linux ${version} from ${found.url}, ${found.checked}.`;
      yield { version, sha256: found.sha256, urls: async () => [found.url], provenance };
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      unreachable.push(messageOf(error));
    }
  }
  // The caller knows why what was offered was of no use.
  if (offered) return;
  const also = unreachable.length === 0 ? "" : ` Not every place could be asked: ${unreachable.join("; ")}.`;
  if (asked === 0) {
    throw new InfraError(`the source of Linux ${version} cannot be looked up.${also}`, { next: otherPlaces });
  }
  const near = nearestKernels(version, known).sort(compareKernelVersions);
  throw new UsageError(`no place that can be asked vouches for a source of Linux ${version}.${also}`, {
    next:
      `Releases near it that do exist: ${near.join(", ")}. \`dstate kernels list\` shows more. ` +
      `If you have its tarball's sha256, record it in vm/kernels.json with \`dstate kernels pin ${version}\`.`,
  });
}

/**
 * A source's tarball on this machine, fetched from the first place that has it and checked.
 *
 * @returns the tarball's path.
 * @throws {UnreachableError} when no place has it or can be asked.
 * @throws {InfraError} when what came is not what was expected, or the disk is full.
 */
export async function fetchSource(source: KernelSourceTarball, context: Context): Promise<string> {
  const name = `linux-${source.version}.tar.xz`;
  return await fetchFile({ name, sha256: source.sha256, urls: source.urls }, context);
}

function pinned(pin: KernelPin, context: Context): KernelSourceTarball {
  const { version, sha256 } = pin;
  if (sha256 === null) {
    throw new UsageError(
      `the pin of Linux ${version} in vm/kernels.json has no sha256 of its source tarball`,
      {
        next: `Run \`dstate kernels pin ${version}\` where its tarball can be reached, or use nix:${version}.`,
      },
    );
  }
  const urls = async (): Promise<string[]> => {
    const roots = await debianRoots(context).catch(() => undefined);
    const pool =
      roots && `${roots.main}/pool/main/l/linux/linux_${version.replace("-rc", "~rc")}.orig.tar.xz`;
    return [pin.url, pool, pin.elsewhere].filter((url) => url !== undefined);
  };
  return {
    version,
    sha256,
    urls,
    provenance: `Linux ${version} from the source with the sha256 pinned in vm/kernels.json (${sha256.slice(0, 12)}...). ${pin.provenance}`,
  };
}
