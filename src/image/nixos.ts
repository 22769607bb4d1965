import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { nixBuild, nixPinName } from "../supply/nix.ts";
import type { Image } from "./image.ts";
import type { GuestSystem } from "./system.ts";
import { systemd } from "./systemd.ts";

/** What vm/nixos/image.nix says of the image's own Node. */
const runtimeSchema = z.object({ node: z.string(), libuv: z.string() }).partial();

/** The NixOS of vm/nixos. */
export const nixos: GuestSystem = {
  title: "NixOS",
  provide: async ({ kernel, nixosSystem: system }, context) =>
    await provideNixosImage(context, {
      nixKernel: kernel?.type === "nix" ? kernel.version : undefined,
      system,
    }),
  bootWithin: timeouts.guest.bootNixos,
  init: systemd,
  hasPerl: false,
  loginShell: ["bash", "-l"],
};

/**
 * A NixOS image, built by Nix as vm/nixos says. A kernel of nixpkgs gets the system of its own nixpkgs, with its
 * modules; any other kernel gets the system that needs none.
 *
 * @param nixKernel the version of the kernel if it is one of nixpkgs, as in `--kernel nix:6.6.58`.
 * @param system another system than the plain guest, such as `musl`: the flake has `image-<system>` of it.
 * @throws {UsageError} when the kernel's pin is refused, or the system is not made for a kernel of nixpkgs.
 * @throws {InfraError} when there is no Nix here, or the build fails.
 * @example (await provideNixosImage(context, { nixKernel: "6.6.58" })).path
 */
export async function provideNixosImage(
  context: Context,
  options: { nixKernel?: string | undefined; system?: string | undefined } = {},
): Promise<Image> {
  const { nixKernel, system } = options;
  if (nixKernel !== undefined && system !== undefined) {
    throw new UsageError(`the NixOS system "${system}" is made for kernels that need no modules`, {
      next: "Choose a release such as 6.1.129, or a Debian kernel such as deb:7.2.",
    });
  }
  const wanted = system ?? (nixKernel === undefined ? undefined : nixPinName(nixKernel));
  const name = wanted === undefined ? "image" : `image-${wanted}`;
  const folder = await nixBuild(name, context);
  const label = (await readFile(join(folder, "label"), "utf8")).trim();
  // An image that was built by an older flake does not say.
  const runtime = await readFile(join(folder, "runtime.json"), "utf8").catch(() => undefined);
  const { node, libuv } = runtimeSchema.parse(JSON.parse(runtime ?? "{}"));
  return {
    id: basename(folder),
    kind: "nixos",
    path: join(folder, "root.ext4"),
    provenance: `NixOS ${label}, ${folder}`,
    ...(node === undefined || libuv === undefined ? {} : { node: { version: node, libuv } }),
    packages: {},
  };
}
