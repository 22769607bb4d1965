import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import { UsageError } from "../../base/errors.ts";
import { longStep } from "../../base/past-durations.ts";
import type { StoreEntry } from "../../base/store.ts";
import { otherPlaces, UnreachableError } from "../../supply/download.ts";
import { unpackSource } from "../build.ts";
import { guestConfiguration, storeBuilt } from "../built-kernel.ts";
import { formatRevision, provideCommit, type TreeRevision } from "../commit.ts";
import type { KernelOptions } from "../kernel.ts";
import { readPins } from "../pins.ts";
import { fetchSource, releaseSources } from "../release-tarball.ts";
import { storedKernel } from "../stored.ts";
import { findInTrees, type TreeRelease } from "../tree-releases.ts";
import { compareKernelVersions, releasePattern } from "../version.ts";
import type { KernelSource, KnownKernel } from "./source.ts";

/** An upstream release, built from its source with the guest kernel's configuration. */
export const release: KernelSource<"release"> = {
  example: "6.1.115",
  examples: "an upstream release (6.1.115)",
  isBuilt: true,
  parse: (text) => (releasePattern.test(text) ? { type: "release", version: text } : undefined),
  format: ({ version }) => version,
  provide: async ({ version }, context, options) =>
    storedKernel(await provideRelease(version, context, options), version),
  isFixed: () => true,
  nameInLedger: ({ version }) => version,
  releaseOf: ({ version }) => version,
  debugImages: async ({ version }, context) => {
    const inTree = await findInTrees(version, context);
    const selectors = [version, ...(inTree ? [formatRevision(revisionOf(inTree))] : [])];
    return {
      places: selectors.map((of) => ({ type: "twin", of })),
      otherwise: noTwin(version),
    };
  },
  list: ({ index, pins, trees }) => {
    const releases = new Map<string, KnownKernel>();
    for (const { version, suite } of index?.sources ?? []) {
      releases.set(version, { selector: version, version, source: `the signed index of ${suite}` });
    }
    for (const { version, tree, name } of trees) {
      releases.set(version, { selector: version, version, source: `the git tree ${tree}, ${name}` });
    }
    for (const { version, sha256 } of pins) {
      if (sha256 !== null) releases.set(version, { selector: version, version, source: "pinned" });
    }
    return [...releases.values()].sort((a, b) => compareKernelVersions(a.version, b.version));
  },
};

/** The error for a kernel that was built without debug information. */
export function noTwin(selector: string): UsageError {
  return new UsageError(`the cache has no Linux ${selector} with debug information`, {
    next: `Make it with \`dstate kernels build ${selector} --debug-info\`; it takes as long as any kernel build.`,
  });
}

async function provideRelease(
  version: string,
  context: Context,
  options: KernelOptions,
): Promise<StoreEntry> {
  const inTree = await findInTrees(version, context);
  const pins = await readPins(context.settings.homeDir);
  const isPinned = pins.some((pin) => pin.version === version && pin.sha256 !== null);
  if (inTree && !isPinned) return await provideCommit(revisionOf(inTree), context, options);
  const configuration = await guestConfiguration(context, options);
  const failures: string[] = [];
  for await (const source of releaseSources(version, context)) {
    try {
      return await storeBuilt(
        {
          kind: "release",
          selector: version,
          name: version,
          title: version,
          identity: source.sha256,
          provenance: source.provenance,
          build: async (make, out, signal) => {
            const work = join(out, "work");
            const tarball = await fetchSource(source, { ...context, signal });
            await longStep(
              context,
              { title: `unpack Linux ${version}`, kind: "release-unpack", guess: "30s" },
              async () => await unpackSource(tarball, join(work, "source"), signal),
            );
            const built = await make({ source: join(work, "source"), objects: join(work, "objects") });
            await rm(work, { recursive: true, force: true });
            return built;
          },
        },
        configuration,
        context,
      );
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      failures.push(error.message);
      if (!inTree) continue;
      const { tree, name } = inTree;
      const text = `the pinned source cannot be had (${error.message}): taking ${name} of ${tree}, for which nobody vouches`;
      context.progress({ type: "note", text });
      return await provideCommit(revisionOf(inTree), context, options);
    }
  }
  throw new UnreachableError(failures.join("; "), { next: otherPlaces });
}

/** What is built of a tree's release: its commit, whatever tag names it tomorrow. */
function revisionOf({ tree, commit }: TreeRelease): TreeRevision {
  return { tree, revision: commit };
}
