import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import { UsageError } from "../../base/errors.ts";
import { longStep } from "../../base/past-durations.ts";
import type { StoreEntry } from "../../base/store.ts";
import { otherPlaces, UnreachableError } from "../../supply/download.ts";
import { unpackSource } from "../build.ts";
import { guestConfiguration, storeBuilt } from "../built-kernel.ts";
import { areFixed, formatChanges, fragmentsOf, type KernelChange, splitChanges } from "../changes.ts";
import { formatRevision, provideCommit, type TreeRevision } from "../commit.ts";
import { applyEdits, describeEdits, editedIdentity, plainApply, readEdits } from "../edits.ts";
import type { KernelOptions } from "../kernel.ts";
import { readPins } from "../pins.ts";
import { fetchSource, releaseSources } from "../release-tarball.ts";
import { storedKernel } from "../stored.ts";
import { findInTrees, type TreeRelease } from "../tree-releases.ts";
import { compareKernelVersions, releasePattern } from "../version.ts";
import type { KernelSelector, KernelSource, KnownKernel } from "./source.ts";

/** An upstream release, built from its source with the guest kernel's configuration. */
export const release: KernelSource<"release"> = {
  example: "6.1.115",
  examples: "an upstream release (6.1.115)",
  isBuilt: true,
  parse: (text) => {
    const { base: version, changes } = splitChanges(text);
    if (!releasePattern.test(version)) return undefined;
    return { type: "release", version, ...(changes.length > 0 && { changes }) };
  },
  format: formatRelease,
  provide: async (selector, context, options) =>
    storedKernel(await provideRelease(selector, context, options), formatRelease(selector)),
  isFixed: ({ changes }) => areFixed(changes),
  nameInLedger: formatRelease,
  // What is changed stands in no row with what is not.
  releaseOf: ({ version, changes }) => (changes === undefined ? version : undefined),
  debugImages: async (selector, context) => {
    const { version, changes } = selector;
    const inTree = await findInTrees(version, context);
    const selectors = [
      formatRelease(selector),
      ...(inTree ? [formatRevision(revisionOf(inTree, changes))] : []),
    ];
    return {
      places: selectors.map((of) => ({ type: "twin", of })),
      otherwise: noTwin(formatRelease(selector)),
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

function formatRelease({ version, changes }: Omit<KernelSelector<"release">, "type">): string {
  return `${version}${formatChanges(changes)}`;
}

async function provideRelease(
  selector: KernelSelector<"release">,
  context: Context,
  options: KernelOptions,
): Promise<StoreEntry> {
  const { version, changes = [] } = selector;
  const inTree = await findInTrees(version, context);
  const pins = await readPins(context.settings.homeDir);
  const isPinned = pins.some((pin) => pin.version === version && pin.sha256 !== null);
  // Commits can be taken back only where there are any.
  const needsTree = changes.some(({ type }) => type === "revert");
  if (inTree && (needsTree || !isPinned))
    return await provideCommit(revisionOf(inTree, changes), context, options);
  const fragments = [...(options.fragments ?? []), ...fragmentsOf(changes)];
  const configuration = await guestConfiguration(context, { ...options, fragments });
  const edits = await readEdits(changes, undefined, context.signal);
  const name = formatRelease(selector);
  const failures: string[] = [];
  for await (const source of releaseSources(version, context)) {
    try {
      return await storeBuilt(
        {
          kind: "release",
          selector: name,
          name: version,
          title: name,
          identity: editedIdentity(source.sha256, edits),
          provenance: `${source.provenance}${edits.length === 0 ? "" : ` Built${describeEdits(edits).slice(1)}.`}`,
          build: async (make, out, signal) => {
            const work = join(out, "work");
            const tarball = await fetchSource(source, { ...context, signal });
            await longStep(
              context,
              { title: `unpack Linux ${version}`, kind: "release-unpack", guess: "30s" },
              async () => await unpackSource(tarball, join(work, "source"), signal),
            );
            await applyEdits(edits, name, plainApply(join(work, "source"), signal));
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
      return await provideCommit(revisionOf(inTree, changes), context, options);
    }
  }
  throw new UnreachableError(failures.join("; "), { next: otherPlaces });
}

/** What is built of a tree's release: its commit, whatever tag names it tomorrow. */
function revisionOf({ tree, commit, version }: TreeRelease, changes?: readonly KernelChange[]): TreeRevision {
  return { tree, revision: commit, release: version, ...(changes && changes.length > 0 && { changes }) };
}
