import { basename, resolve } from "node:path";
import type { Context } from "../../base/context.ts";
import { longStep } from "../../base/past-durations.ts";
import type { StoreEntry } from "../../base/store.ts";
import { BuildError, type Built } from "../build.ts";
import { compilerCache, openBuildTree } from "../build-tree.ts";
import { guestConfiguration, storeBuilt } from "../built-kernel.ts";
import { formatOptions } from "../configuration.ts";
import { resolveCommit } from "../git-tree.ts";
import type { KernelOptions } from "../kernel.ts";
import { storedKernel } from "../stored.ts";
import { noTwin } from "./release.ts";
import { after, type KernelSelector, type KernelSource } from "./source.ts";

/**
 * A commit of a kernel tree on this machine, built in a tree of our own: the user's work tree and index stay
 * untouched. A second commit of the same tree compiles only what differs.
 */
export const git: KernelSource<"git"> = {
  example: "git:/path@REV",
  examples: "a commit (git:/path@REV)",
  isBuilt: true,
  parse: (text) => {
    // A reflog entry such as main@{1} has an @ of its own.
    const at = /^(?<tree>.+)@(?!\{)(?<revision>[^@]+(?:@\{[^}]*\})?)$/s.exec(after("git", text) ?? "");
    const { tree, revision } = at?.groups ?? {};
    return tree && revision && !revision.startsWith("-") ? { type: "git", tree, revision } : undefined;
  },
  format,
  provide: async (selector, context, options) =>
    storedKernel(await provideCommit(selector, context, options), format(selector)),
  isFixed: ({ revision }) => /^[0-9a-f]{40}$/.test(revision),
  // Where a tree lies does not matter: its commit says it all.
  nameInLedger: ({ revision }) => `git@${revision}`,
  releaseOf: () => undefined,
  debugImages: async (selector, { signal }) => {
    const { tree, revision } = selector;
    const commit = await resolveCommit(tree, revision, signal);
    const of = format({ tree, revision: commit });
    return { places: [{ type: "twin", of }], otherwise: noTwin(format(selector)) };
  },
  list: () => [],
};

function format({ tree, revision }: Omit<KernelSelector<"git">, "type">): string {
  return `git:${tree}@${revision}`;
}

/** As the user named it, with its commit where that is another name. @example "git:linux@v5.10.170 (74924a365ec9)" */
function titleOf({ tree, revision }: Omit<KernelSelector<"git">, "type">, commit: string): string {
  const id = commit.slice(0, 12);
  const name = `git:${basename(resolve(tree))}`;
  return commit.startsWith(revision) ? `${name}@${id}` : `${name}@${revision} (${id})`;
}

async function provideCommit(
  { tree, revision }: KernelSelector<"git">,
  context: Context,
  options: KernelOptions,
): Promise<StoreEntry> {
  const configuration = await guestConfiguration(context, options);
  const commit = await resolveCommit(tree, revision, context.signal);
  const title = titleOf({ tree, revision }, commit);
  return await storeBuilt(
    {
      kind: "git",
      selector: format({ tree, revision: commit }),
      name: commit.slice(0, 12),
      title,
      identity: commit,
      provenance: `Linux at commit ${commit} of the git tree ${tree}.`,
      build: async (make, _out, signal) => {
        const { compiler } = configuration;
        const facts = { tree, configuration: formatOptions(configuration.options), compiler };
        await using buildTree = await openBuildTree(facts, { ...context, signal });
        const { source, objects, lock } = buildTree;
        await longStep(
          context,
          { title: `check out ${title}`, kind: "git-check-out", guess: undefined },
          async () => await buildTree.checkOut(commit, signal),
        );
        const cache = await compilerCache({ ...context, signal });
        const build = async (incremental: boolean): Promise<Built> =>
          await make({ source, objects, lock, cache, incremental });
        let built: Built;
        try {
          built = await build(buildTree.isUsed);
        } catch (error) {
          signal.throwIfAborted();
          // Leftovers of another commit must not make this one seem broken; they are not what a compiler objects to.
          const isDoubtful = error instanceof BuildError && error.compilerError === undefined;
          if (!buildTree.isUsed || !isDoubtful) throw error;
          await buildTree.clean();
          built = await build(false);
        }
        await buildTree.keep();
        return built;
      },
    },
    configuration,
    context,
  );
}
