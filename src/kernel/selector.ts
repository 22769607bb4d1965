import { UsageError } from "../base/errors.ts";
import { either } from "../base/text.ts";
import { cannotChange } from "./changes.ts";
import { kernelSources, sourceOf } from "./sources/index.ts";
import type { KernelSelector } from "./sources/source.ts";

export type { KernelSelector } from "./sources/source.ts";

/**
 * Read a kernel selector.
 *
 * @throws {UsageError} when the text is none, with examples of what is.
 * @example parseKernelSelector("deb:6.12.43") // { type: "deb", version: "6.12.43" }
 */
export function parseKernelSelector(text: string): KernelSelector {
  const sources = Object.values(kernelSources);
  for (const source of sources) {
    const selector = source.parse(text);
    if (selector) return selector;
  }
  throw new UsageError(`"${text}" names no kernel`, {
    next: `Write ${either(sources.map(({ examples }) => examples))}.`,
  });
}

/**
 * A kernel built with changes: checks of its own, commits taken back, patches.
 *
 * @param changes as they stand at the end of a selector; none: it stays as it is.
 * @throws {UsageError} when the kernel is built already.
 * @example changeKernel("6.1.115", "+lockdep") // "6.1.115+lockdep"
 */
export function changeKernel(text: string, changes: string): string {
  if (changes === "") return text;
  if (!isBuiltHere(text)) throw cannotChange(text);
  return formatKernelSelector(parseKernelSelector(`${text}${changes}`));
}

/** How kernel selectors look, for help: one of each source. */
export function kernelExamples(): string {
  return either(Object.values(kernelSources).map(({ example }) => example));
}

/**
 * A selector as a user would write it; {@link parseKernelSelector} reads it back.
 *
 * @example formatKernelSelector({ type: "git", tree: "/src/linux", revision: "v6.1" }) // "git:/src/linux@v6.1"
 */
export function formatKernelSelector(selector: KernelSelector): string {
  return sourceOf(selector).format(selector);
}

/**
 * Whether a selector always names the same kernel: a release, a full commit id, a full Debian version.
 *
 * @example isFixedSelector("deb:6.1") // false: its newest kernel may be another one tomorrow
 */
export function isFixedSelector(text: string): boolean {
  const selector = parseKernelSelector(text);
  return sourceOf(selector).isFixed(selector);
}

/** Whether its kernel is compiled here where the cache has none: a package is only fetched. */
export function isBuiltHere(text: string): boolean {
  return sourceOf(parseKernelSelector(text)).isBuilt;
}
