import type { Context } from "../../base/context.ts";
import { UsageError } from "../../base/errors.ts";
import { either } from "../../base/text.ts";
import { isDistribution } from "../../kernel/distributions/table.ts";
import { type KernelList, listKernels } from "../../kernel/list.ts";
import { parseKernelSelector } from "../../kernel/selector.ts";
import { distributionKernels } from "../../kernel/sources/distribution.ts";
import { sourceOf } from "../../kernel/sources/index.ts";
import { compareKernelVersions, nearestKernels } from "../../kernel/version.ts";
import type { Cell } from "../../lab/cell.ts";
import { isRange, parseRange, sliceVersions } from "../bisect/range.ts";

/** A release that can be tried. */
export interface Place {
  /** Upstream's version. */
  readonly version: string;
  readonly cell: Cell;
  /** Whether it is built from its source here, if it is not here yet. */
  readonly isBuilt: boolean;
}

/** A line of stable releases, as far as its releases can be had. */
export interface MapLine {
  /** As it was asked for: `6.1`, `6.1.106..6.1.129`, `6.12, debian`. */
  readonly name: string;
  /** Of upstream: `6.1`. */
  readonly series: string;
  /** The oldest first. */
  readonly places: readonly Place[];
}

/** Kernels to choose from. */
type Lists = Pick<KernelList, "releases" | "packages" | "cached">;

/** Words of `--distro` whose selectors begin with another one. */
const prefixes: Readonly<Record<string, string>> = { debian: "deb" };

/**
 * The lines that a map is asked for, with the releases that the sources at hand have: what is in the cache, pinned,
 * in the trees of the settings, or in a distribution's index.
 *
 * @param series lines such as `6.1`, and ranges of one, such as `6.1.106..6.1.129`.
 * @param distros distributions, each of which becomes a line of its own; none: whatever there is of a release, a package
 *   before a source.
 * @throws {UsageError} for what is no line, and a line without releases.
 */
export async function mapLines(
  series: readonly string[],
  distros: readonly string[],
  cell: Cell,
  context: Context,
): Promise<MapLine[]> {
  const own = await listKernels(context);
  const lists = new Map<string | undefined, Lists>();
  for (const distro of distros)
    if (isDistribution(distro))
      lists.set(distro, { releases: [], packages: await distributionKernels(distro, context), cached: [] });
  return series.flatMap((text) =>
    (distros.length === 0 ? [undefined] : distros).map((distro) =>
      lineOf(text, distro, lists.get(distro) ?? own, cell),
    ),
  );
}

/**
 * One line out of a list of kernels. Pure.
 *
 * @example lineOf("6.1", undefined, list, cell).places.map(({ version }) => version) // ["6.1.106", "6.1.115"]
 */
export function lineOf(text: string, distro: string | undefined, list: Lists, cell: Cell): MapLine {
  const name = distro === undefined ? text : `${text}, ${distro}`;
  const ends = isRange(text) ? parseRange(text) : undefined;
  const [line] = ends ? [lineOfVersion(ends.left), lineOfVersion(ends.right)] : [text];
  if (line === undefined || !/^\d+\.\d+$/.test(line) || (ends && lineOfVersion(ends.right) !== line)) {
    throw new UsageError(`"${text}" is no line of stable releases`, {
      next: "Write lines such as 6.1, or a range of one, such as 6.1.106..6.1.129; several with commas.",
    });
  }
  const prefix = distro === undefined ? undefined : (prefixes[distro] ?? distro);
  const selectors = new Map<string, { selector: string; isBuilt: boolean }>();
  // Later ones win: a package before a source, what is here before both.
  for (const { selector, version: said } of [...list.releases, ...list.packages, ...list.cached]) {
    const parsed = parseKernelSelector(selector);
    const source = sourceOf(parsed);
    const version = source.releaseOf(parsed) ?? (parsed.type === "distribution" ? said : undefined);
    if (version === undefined || lineOfVersion(version) !== line) continue;
    if (prefix !== undefined && !selector.startsWith(`${prefix}:`)) continue;
    if (parsed.type === "distribution" && selectors.has(version)) {
      throw new UsageError(`${distro} has several kernels that call themselves ${version}`, {
        next: `A map orders releases by upstream's version. Name them one by one: dstate matrix --kernel ${selectors.get(version)?.selector},${selector}`,
      });
    }
    selectors.set(version, { selector, isBuilt: source.isBuilt });
  }
  const known = [...selectors.keys()].sort(compareKernelVersions);
  if (known.length === 0) {
    const lines = linesOf(list, prefix);
    throw new UsageError(`no release of ${name} can be had here`, {
      next:
        lines.length === 0
          ? "`dstate kernels` lists what there is."
          : `There are releases of ${either(lines)}; \`dstate kernels\` lists them.`,
    });
  }
  const versions = ends
    ? sliceVersions(ends, known, {
        what: distro === undefined ? "Linux" : `${distro}'s Linux`,
        compare: compareKernelVersions,
        near: (version, all) => nearestKernels(version, all),
      })
    : known;
  return {
    name,
    series: line,
    places: versions.map((version) => {
      const { selector = version, isBuilt = true } = selectors.get(version) ?? {};
      return { version, cell: { ...cell, kernel: selector }, isBuilt };
    }),
  };
}

function linesOf(list: Pick<KernelList, "releases" | "packages">, prefix: string | undefined): string[] {
  const versions = [...list.releases, ...list.packages]
    .filter(({ selector }) => prefix === undefined || selector.startsWith(`${prefix}:`))
    .map(({ version }) => version)
    .sort(compareKernelVersions);
  return [...new Set(versions.map(lineOfVersion))];
}

/**
 * What a release is called, wherever it is from and whichever revision of a package it is.
 *
 * @example releaseName("deb:6.12.85-1~bpo12+1") // "deb 6.12.85", as of "deb:6.12.85"
 */
export function releaseName(text: string): string {
  const selector = parseKernelSelector(text);
  const version = sourceOf(selector).releaseOf(selector);
  return version === undefined ? text : `${selector.type} ${version}`;
}

/** @example lineOfVersion("6.1.115") // "6.1" */
export function lineOfVersion(version: string): string {
  return version.split(/[.-]/).slice(0, 2).join(".");
}
