import { findPackageJSON } from "node:module";
import { dirname } from "node:path";

/**
 * The folder of this dstate: a checkout, or the installed package. `vm/` and `flake.nix` are in it.
 *
 * @see https://nodejs.org/docs/latest-v24.x/api/module.html#modulefindpackagejsonspecifier-base
 */
export function ownHome(): string {
  const manifest = findPackageJSON("..", import.meta.url);
  if (manifest === undefined)
    throw new Error("dstate's package.json should be above its modules, and is not");
  return dirname(manifest);
}
