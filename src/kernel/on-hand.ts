import { MissingProgramError } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { toolchain } from "./build.ts";
import { formatRevision } from "./commit.ts";
import { readPins } from "./pins.ts";
import { storedKernels } from "./stored.ts";
import { treeReleases } from "./tree-releases.ts";

/**
 * The selectors whose kernels are in the cache and would be taken from there: those that this host's compiler built, a
 * release also by its version where it was built out of a tree of the settings. For what a trial costs, not for what it
 * runs: kernels with more configuration count by their selector alone.
 *
 * @example (await selectorsOnHand(context)).has("6.1.115") // true
 */
export async function selectorsOnHand(context: Context): Promise<Set<string>> {
  const compiler = await toolchain(context.signal).catch((error: unknown) => {
    if (error instanceof MissingProgramError) return undefined;
    throw error;
  });
  // Without a compiler, or with a registry, what others built is taken as it is.
  const takesAny = compiler === undefined || context.settings.cacheRegistry !== undefined;
  const stored = new Set(
    (await storedKernels(context)).flatMap(({ about }) =>
      about.debugInfoOf === undefined &&
      (takesAny || about.compiler === undefined || about.compiler === compiler)
        ? [about.selector]
        : [],
    ),
  );
  const pinned = new Set(
    (await readPins(context.settings.homeDir)).flatMap(({ version, sha256 }) =>
      sha256 === null ? [] : [version],
    ),
  );
  const ofTrees = (await treeReleases(context)).flatMap(({ version, tree, commit }) =>
    !pinned.has(version) && stored.has(formatRevision({ tree, revision: commit })) ? [version] : [],
  );
  return new Set([...stored, ...ofTrees]);
}
