import { UsageError } from "../base/errors.ts";
import type { KernelPackage } from "./debian-index.ts";
import { compareDebianVersions, nearestKernels, upstreamVersion } from "./version.ts";

/** A prebuilt kernel: one package, or since Linux 6.19 the several that Debian cuts it into. */
export interface PackagedKernel {
  readonly version: string;
  readonly suite: string;
  /** Those with files in them. */
  readonly parts: readonly KernelPackage[];
}

/**
 * The prebuilt kernels among an index's packages, oldest first. Signed and unsigned images hold the same
 * kernel; of both the signed one is taken, since that is what people run.
 */
export function packagedKernels(packages: readonly KernelPackage[]): PackagedKernel[] {
  const kernels = new Map<string, PackagedKernel>();
  const images = packages.filter(({ name }) => name.startsWith("linux-image-"));
  const unsignedLast = images.sort((a, b) => Number(isUnsigned(a)) - Number(isUnsigned(b)));
  for (const image of unsignedLast) {
    if (kernels.has(image.version)) continue;
    const parts = partsOf(image, packages);
    if (parts) kernels.set(image.version, { version: image.version, suite: image.suite, parts });
  }
  return [...kernels.values()].sort((a, b) => compareDebianVersions(a.version, b.version));
}

/**
 * The prebuilt kernel a user means: by full Debian version, by upstream version, or the newest of a line such
 * as `6.1`.
 *
 * @returns undefined when there is none.
 */
export function choosePackagedKernel(
  wanted: string,
  kernels: readonly PackagedKernel[],
): PackagedKernel | undefined {
  const exact = kernels.find(({ version }) => version === wanted);
  if (exact) return exact;
  const upstream = kernels.filter(({ version }) => upstreamVersion(version) === wanted);
  const line = kernels.filter(({ version }) => isLine(wanted) && version.startsWith(`${wanted}.`));
  return [...line, ...upstream].sort((a, b) => compareDebianVersions(a.version, b.version)).at(-1);
}

/** Whether a version names a line, whose newest kernel may be another one tomorrow. */
export function isLine(version: string): boolean {
  return /^\d+\.\d+$/.test(version);
}

/** The error for a Debian kernel that no suite has. */
export function unknownPackagedKernel(wanted: string, kernels: readonly PackagedKernel[]): UsageError {
  const known = kernels.map(({ version }) => upstreamVersion(version));
  const near = nearestKernels(wanted, known, 6);
  return new UsageError(`no Debian suite has a kernel ${wanted}`, {
    next: `Near it there are: ${near.map((version) => `deb:${version}`).join(", ")}. \`dstate kernels list\` shows all. One that the archive has dropped: deb:VERSION@DAY, with a day on which it was there, such as deb:6.1.112@20241015.`,
  });
}

function isUnsigned(image: KernelPackage): boolean {
  return image.name.endsWith("-unsigned");
}

/** A package that is only a name for others has about a kilobyte. */
const realSize = 1024 ** 2;

function partsOf(image: KernelPackage, packages: readonly KernelPackage[]): KernelPackage[] | undefined {
  if (image.file.size >= realSize) return [image];
  const depended = [...image.depends.matchAll(/(linux-(?:base|binary|modules)-\S+) \(= ([^)]+)\)/g)];
  const parts = depended.map(([, name, version]) =>
    packages.find((other) => other.name === name && other.version === version),
  );
  const whole = parts.filter((part) => part !== undefined);
  const complete =
    whole.length === depended.length && whole.some(({ name }) => name.startsWith("linux-binary-"));
  return complete ? whole : undefined;
}
