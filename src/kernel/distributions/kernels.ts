import type { IndexedPackage } from "../../supply/package-index.ts";
import { compareDebianVersions } from "../version.ts";
import type { Distribution, KernelFlavour } from "./table.ts";

/** A distribution's kernel: a version, a flavour, and the packages that make it up. */
export interface DistributionKernel {
  /** As a user names it: `6.8.0-51.52`. */
  readonly version: string;
  readonly flavour: string;
  /** The build's own name where packages have one: `6.8.0-51`. */
  readonly build?: string | undefined;
  readonly parts: readonly IndexedPackage[];
}

/** Whether a package of that name belongs to a kernel of a distribution. */
export function isKernelPackage(name: string, { flavours }: Distribution): boolean {
  return flavours.some(({ main, also }) =>
    [main, ...also].some((pattern) => buildIn(name, pattern) !== undefined),
  );
}

/** The kernels among the packages of a distribution's index, oldest first. */
export function kernelsAmong(
  packages: readonly IndexedPackage[],
  { flavours }: Distribution,
): DistributionKernel[] {
  const kernels = flavours.flatMap((flavour) => kernelsOf(packages, flavour));
  const byName = new Map(
    kernels.map((kernel) => [`${kernel.version}/${kernel.flavour}/${kernel.build}`, kernel]),
  );
  return [...byName.values()].sort((a, b) => compareDebianVersions(a.version, b.version));
}

function kernelsOf(packages: readonly IndexedPackage[], flavour: KernelFlavour): DistributionKernel[] {
  return packages.flatMap((image) => {
    const build = buildIn(image.name, flavour.main);
    if (build === undefined) return [];
    const also = flavour.also.flatMap((pattern) => {
      const name = pattern.replace("*", build);
      const found = packages.find((other) => other.name === name && other.version === image.version);
      return found ? [found] : [];
    });
    const kernel = { version: image.version, flavour: flavour.name, parts: [image, ...also] };
    return [build === "" ? kernel : { ...kernel, build }];
  });
}

/** What stands for the star of a pattern, which begins with a digit; empty where there is no star. */
function buildIn(name: string, pattern: string): string | undefined {
  const [before = "", after] = pattern.split("*");
  if (after === undefined) return name === pattern ? "" : undefined;
  if (!name.startsWith(before) || !name.endsWith(after)) return undefined;
  const build = name.slice(before.length, name.length - after.length);
  return /^\d[\w.]*-\d+$/.test(build) ? build : undefined;
}

/**
 * The kernel that a user means: by its full version, the name of its build, or the beginning of either, of which the
 * newest is taken.
 *
 * @param wanted a version, and perhaps a flavour after a slash.
 * @example chooseKernel("6.8.0-51/aws", kernels, ["generic", "aws"])
 */
export function chooseKernel(
  wanted: string,
  kernels: readonly DistributionKernel[],
  flavours: readonly string[],
): DistributionKernel | undefined {
  const [version = "", asked] = wanted.split("/");
  const named = flavours.find((name) => version.endsWith(`-${name}`));
  const flavour = asked ?? named ?? flavours[0];
  const text = named === undefined ? version : version.slice(0, -named.length - 1);
  const own = kernels.filter((kernel) => kernel.flavour === flavour);
  const exact = own.filter((kernel) => kernel.version === text || kernel.build === text);
  if (exact.length > 0) return exact.at(-1);
  const begins = (name: string | undefined): boolean =>
    name?.startsWith(text) === true && /^[^0-9]/.test(name.slice(text.length));
  return own.filter(({ version, build }) => begins(version) || begins(build)).at(-1);
}
