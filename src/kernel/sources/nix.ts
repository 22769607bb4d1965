import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import { UsageError } from "../../base/errors.ts";
import { keyOf } from "../../base/store.ts";
import { nixBuild, nixPinName } from "../../supply/nix.ts";
import type { Kernel } from "../kernel.ts";
import { readPins } from "../pins.ts";
import { compareKernelVersions, releasePattern } from "../version.ts";
import { after, type KernelSource } from "./source.ts";

/** A kernel of nixpkgs, as our own flake pins it. */
export const nix: KernelSource<"nix"> = {
  example: "nix:6.6.58",
  examples: "a nixpkgs version (nix:6.6.58)",
  isBuilt: false,
  parse: (text) => {
    const version = after("nix", text) ?? "";
    return releasePattern.test(version) ? { type: "nix", version } : undefined;
  },
  format: ({ version }) => `nix:${version}`,
  provide: async ({ version }, context) => await provideNixKernel(version, context),
  isFixed: () => true,
  nameInLedger: ({ version }) => `nix:${version}`,
  releaseOf: () => undefined,
  debugImages: async () => ({
    places: [],
    otherwise: new UsageError("where debug symbols of a Nix kernel are is not known here", {
      next: "Name the file with --vmlinux: the `dev` output of the kernel has a vmlinux.",
    }),
  }),
  // Nix can build every pin that has a sha256: those are listed as releases.
  list: ({ pins }) =>
    pins
      .filter(({ sha256, nixpkgs }) => sha256 === null || nixpkgs !== undefined)
      .map(({ version }) => ({ selector: `nix:${version}`, version, source: "pinned, for Nix" }))
      .sort((a, b) => compareKernelVersions(a.version, b.version)),
};

/**
 * A kernel of nixpkgs, built or fetched by Nix as vm/nixos/kernel.nix says: only pinned ones, for which nixpkgs
 * carries what version is a matter of its revision.
 *
 * @throws {UsageError} when the version is not pinned, or its pin has nothing that Nix could build from.
 * @throws {InfraError} when there is no Nix here, or the build fails.
 * @example (await provideNixKernel("6.6.58", context)).provenance
 */
export async function provideNixKernel(version: string, context: Context): Promise<Kernel> {
  const pins = await readPins(context.settings.homeDir);
  const pin = pins.find((pin) => pin.version === version);
  if (!pin) {
    throw new UsageError(`Linux ${version} is not pinned in vm/kernels.json`, {
      next: `Pinned are: ${pins.map((pin) => pin.version).join(", ")}. \`dstate kernels pin ${version}\` adds it.`,
    });
  }
  if (pin.sha256 === null && pin.nixpkgs === undefined) {
    throw new UsageError(
      `Linux ${version} in vm/kernels.json has neither a sha256 nor a nixpkgs revision: Nix refuses it`,
      { next: `Run \`dstate kernels pin ${version}\` on a machine that reaches kernel.org.` },
    );
  }
  const folder = await nixBuild(`kernel-${nixPinName(version)}`, context);
  const initrd = join(folder, "initrd");
  const from = pin.nixpkgs
    ? `the kernel that nixpkgs ${pin.nixpkgs.revision.slice(0, 12)} carries`
    : `built by Nix from the source with the sha256 ${pin.sha256?.slice(0, 12)}...`;
  return {
    selector: `nix:${version}`,
    version: (await readFile(join(folder, "version"), "utf8")).trim(),
    id: `nix-${version}-${keyOf(folder)}`,
    boot: join(folder, "bzImage"),
    ...((await isThere(initrd)) ? { initrd } : {}),
    provenance: `Linux ${version}, ${from}: ${folder}.`,
  };
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
