import { deb } from "./deb.ts";
import { distribution } from "./distribution.ts";
import { file } from "./file.ts";
import { git } from "./git.ts";
import { nix } from "./nix.ts";
import { packageFiles } from "./package.ts";
import { release } from "./release.ts";
import type { KernelSelector, KernelSource, SourceType } from "./source.ts";

/** Where kernels come from, in the order in which they are shown to users. */
export const kernelSources: { readonly [T in SourceType]: KernelSource<T> } = {
  release,
  deb,
  distribution,
  package: packageFiles,
  git,
  file,
  nix,
};

/**
 * The row of the table that a selector belongs to.
 *
 * @example sourceOf(selector).isFixed(selector)
 */
export function sourceOf<T extends SourceType>(selector: KernelSelector<T>): KernelSource<T> {
  return kernelSources[selector.type];
}
