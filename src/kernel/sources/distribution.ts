import type { Context } from "../../base/context.ts";
import { InfraError, UsageError } from "../../base/errors.ts";
import type { StoreEntry } from "../../base/store.ts";
import { either } from "../../base/text.ts";
import { fetchPackage } from "../distributions/fetch.ts";
import { atPlace, distributionPackages, knownPackages, placeOf } from "../distributions/index.ts";
import { chooseKernel, type DistributionKernel, kernelsAmong } from "../distributions/kernels.ts";
import {
  type DistributionName,
  distributions,
  isDistribution,
  distribution as row,
} from "../distributions/table.ts";
import { type PackageFile, storePackaged } from "../packaged.ts";
import { storedKernel } from "../stored.ts";
import { compareDebianVersions, nearestKernels } from "../version.ts";
import type { KernelSelector, KernelSource, KnownKernel } from "./source.ts";

const names = Object.keys(distributions).filter(isDistribution);

/** A kernel of another distribution than Debian, by its version: its own packages, unpacked without installing them. */
export const distribution: KernelSource<"distribution"> = {
  example: "ubuntu:6.8.0-51-aws",
  examples: `a kernel of ${either(names)} (ubuntu:6.8.0-51-aws)`,
  isBuilt: false,
  parse: (text) => {
    const [, name = "", version = ""] = /^([a-z]+):(\d[\w.+~:-]*(?:\/[\w.]+)?)$/.exec(text) ?? [];
    return isDistribution(name) ? { type: "distribution", distribution: name, version } : undefined;
  },
  format: formatVersion,
  provide: async (selector, context) =>
    storedKernel(await provideVersion(selector, context), formatVersion(selector)),
  // Names of builds and versions with their release stay what they are.
  isFixed: ({ version }) => version.includes("-"),
  nameInLedger: formatVersion,
  releaseOf: () => undefined,
  debugImages: async (selector) => ({
    places: [],
    otherwise: new UsageError(`where debug symbols of ${formatVersion(selector)} are is not known here`, {
      next: "Install the distribution's package of them, and name the file with --vmlinux.",
    }),
  }),
  list: () => [],
};

/**
 * The kernels of a distribution that can be asked for, oldest first.
 *
 * @throws {InfraError} when its place cannot be reached, or what is there is not what its keys vouch for.
 * @example (await distributionKernels("ubuntu", context)).map(({ selector }) => selector)
 */
export async function distributionKernels(name: DistributionName, context: Context): Promise<KnownKernel[]> {
  const [first] = row(name).flavours;
  return kernelsAmong(await distributionPackages(name, context), row(name)).map((kernel) => ({
    selector: `${name}:${kernel.build ?? kernel.version}${kernel.flavour === first.name ? "" : `/${kernel.flavour}`}`,
    version: /^\d+\.\d+(\.\d+)?/.exec(kernel.version)?.[0] ?? kernel.version,
    source: `the signed index of ${row(name).title}`,
  }));
}

async function provideVersion(
  selector: KernelSelector<"distribution">,
  context: Context,
): Promise<StoreEntry> {
  const { distribution: name } = selector;
  const { title, format } = row(name);
  const kernel = await findKernel(selector, context);
  const files: PackageFile[] = [];
  for (const part of kernel.parts) {
    try {
      files.push(await fetchPackage(part, name, context));
    } catch (error) {
      throw atPlace(error, name, placeOf(name, context).mirror);
    }
  }
  const [first, ...others] = files;
  if (!first) throw new InfraError(`${title}'s kernel ${kernel.version} has no packages`);
  const called = kernel.parts.map(({ name }) => name).join(", ");
  const version = `${kernel.version}/${kernel.flavour}`;
  return await storePackaged(
    {
      format,
      files: [first, ...others],
      title: `${title}'s Linux ${version}`,
      selector: `${name}:${version}`,
      name: `${name}-${kernel.version.replace(/[^\w.+~-]/g, "_")}`,
      provenance: `${title}'s packages ${called} ${kernel.version}; their signatures, or those of the index that has their sums, were checked.`,
    },
    context,
  );
}

async function findKernel(
  { distribution: name, version }: KernelSelector<"distribution">,
  context: Context,
): Promise<DistributionKernel> {
  const flavours = row(name).flavours.map(({ name }) => name);
  const choose = (kernels: readonly DistributionKernel[]): DistributionKernel | undefined =>
    chooseKernel(version, kernels, flavours);
  // An exact version stays what it is: an index of any age will do, and no network is needed.
  const old = version.includes("-") ? await knownPackages(name, context) : undefined;
  const known = old && choose(kernelsAmong(old, row(name)));
  if (known) return known;
  const kernels = kernelsAmong(await distributionPackages(name, context), row(name));
  const found = choose(kernels);
  if (found) return found;
  const near = nearestKernels(
    version,
    kernels.map((kernel) => kernel.build ?? kernel.version),
  ).sort(compareDebianVersions);
  throw new UsageError(`${row(name).title} has no kernel ${version} where it was looked for`, {
    next: `Near it there are: ${near.map((version) => `${name}:${version}`).join(", ")}. Flavours: ${either(flavours)}, after a slash. Older ones may be at another place: DSTATE_MIRRORS.`,
  });
}

function formatVersion({ distribution, version }: Omit<KernelSelector<"distribution">, "type">): string {
  return `${distribution}:${version}`;
}
