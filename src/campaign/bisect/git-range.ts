import type { Context } from "../../base/context.ts";
import { UsageError } from "../../base/errors.ts";
import { releasesOfTree } from "../../kernel/tree-releases.ts";
import { compareKernelVersions, nearestKernels } from "../../kernel/version.ts";
import { type GitRange, sliceVersions } from "./range.ts";

/**
 * The releases of a git tree from one to another, both included, as selectors.
 *
 * @throws {UsageError} when an end is no release that the tree has.
 * @example await releasesInRange({ tree: "/src/linux", ends: { left: "v6.1.106", right: "v6.1.115" } }, context)
 */
export async function releasesInRange(
  { tree, ends }: GitRange,
  { signal }: Pick<Context, "signal">,
): Promise<string[]> {
  const releases = await releasesOfTree(tree, signal);
  const versionOf = (end: string): string => {
    const found = releases.find(({ name, version }) => name === end || version === end);
    if (found) return found.version;
    throw new UsageError(`${end} is no release of the tree ${tree}`, {
      next: "A range of a tree is one between releases here, such as git:TREE@v6.1.106..v6.1.115. For what lies between commits see `dstate bisect --git`.",
    });
  };
  const versions = sliceVersions(
    { left: versionOf(ends.left), right: versionOf(ends.right) },
    releases.map(({ version }) => version),
    {
      what: "Linux",
      compare: compareKernelVersions,
      near: (version, known) => nearestKernels(version, known),
    },
  );
  return versions.flatMap((version) => {
    const release = releases.find((one) => one.version === version);
    return release ? [`git:${tree}@${release.name}`] : [];
  });
}
