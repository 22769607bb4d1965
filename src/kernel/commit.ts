import { basename, resolve } from "node:path";
import type { Context } from "../base/context.ts";
import { longStep } from "../base/past-durations.ts";
import type { StoreEntry } from "../base/store.ts";
import { BuildError, type Built } from "./build.ts";
import { type BuildTree, compilerCache, openBuildTree } from "./build-tree.ts";
import { guestConfiguration, storeBuilt } from "./built-kernel.ts";
import { formatChanges, fragmentsOf, type KernelChange } from "./changes.ts";
import { formatOptions } from "./configuration.ts";
import { applyEdits, describeEdits, editedIdentity, readEdits } from "./edits.ts";
import { resolveCommit } from "./git-tree.ts";
import type { KernelOptions } from "./kernel.ts";

/** A commit of a tree on this machine, however it is named. */
export interface TreeRevision {
  readonly tree: string;
  readonly revision: string;
  readonly changes?: readonly KernelChange[] | undefined;
  /** The release that it is, where it was asked for as one. */
  readonly release?: string;
}

/** @example formatRevision({ tree: "/src/linux", revision: "v6.1" }) // "git:/src/linux@v6.1" */
export function formatRevision({ tree, revision, changes }: TreeRevision): string {
  return `git:${tree}@${revision}${formatChanges(changes)}`;
}

/** As the user named it, with its commit where that is another name. @example "git:linux@v5.10.170 (74924a365ec9)" */
function titleOf({ tree, revision, changes, release }: TreeRevision, commit: string): string {
  const id = commit.slice(0, 12);
  const name = `git:${basename(resolve(tree))}`;
  const added = formatChanges(changes);
  if (release !== undefined) return `${release}${added} (${id})`;
  return commit.startsWith(revision) ? `${name}@${id}${added}` : `${name}@${revision}${added} (${id})`;
}

/**
 * A commit of a kernel tree, built in a tree of our own: the user's work tree and index stay untouched. A second commit
 * of the same tree compiles only what differs.
 *
 * @throws {UsageError} when there is no such tree or revision.
 * @throws {InfraError} when it cannot be checked out or built.
 */
export async function provideCommit(
  wanted: TreeRevision,
  context: Context,
  options: KernelOptions,
): Promise<StoreEntry> {
  const { tree, revision, changes = [] } = wanted;
  const fragments = [...(options.fragments ?? []), ...fragmentsOf(changes)];
  const configuration = await guestConfiguration(context, { ...options, fragments });
  const commit = await resolveCommit(tree, revision, context.signal);
  const edits = await readEdits(changes, tree, context.signal);
  const title = titleOf(wanted, commit);
  return await storeBuilt(
    {
      kind: "git",
      selector: formatRevision({ tree, revision: commit, changes }),
      name: commit.slice(0, 12),
      title,
      identity: editedIdentity(commit, edits),
      provenance: `Linux at commit ${commit} of the git tree ${tree}${describeEdits(edits)}.`,
      build: async (make, _out, signal) => {
        const { compiler } = configuration;
        if (typeof compiler !== "string") throw compiler;
        const facts = { tree, configuration: formatOptions(configuration.options), compiler };
        await using buildTree = await openBuildTree(facts, { ...context, signal });
        const { source, objects, lock } = buildTree;
        const cache = await compilerCache({ ...context, signal });
        const checkOut = async (how: "checkOut" | "fill"): Promise<void> => {
          const missing = await longStep(
            context,
            {
              title: how === "fill" ? `check out the rest of ${title}` : `check out ${title}`,
              kind: "git-check-out",
              guess: undefined,
            },
            async () => await buildTree[how](commit, signal),
          );
          tellMissing(missing, tree, context);
          await applyEdits(edits, title, async (argv, patch) => await buildTree.git(argv, patch, signal));
        };
        const build = async (incremental: boolean): Promise<Built> =>
          await make({ source, objects, lock, cache, incremental });
        await checkOut("checkOut");
        const built = await buildPatiently(buildTree, {
          build,
          fill: async () => await checkOut("fill"),
          signal,
        });
        await buildTree.keep();
        return built;
      },
    },
    configuration,
    context,
  );
}

/** Build; and again when what failed may be our own doing: a file that was left out, what another commit left. */
async function buildPatiently(
  tree: BuildTree,
  {
    build,
    fill,
    signal,
  }: {
    readonly build: (incremental: boolean) => Promise<Built>;
    readonly fill: () => Promise<void>;
    readonly signal: AbortSignal;
  },
): Promise<Built> {
  try {
    return await build(tree.isUsed);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BuildError)) throw error;
    const { compilerError } = error;
    const mayMissFile = compilerError === undefined || /No such file or directory/.test(compilerError);
    if (mayMissFile && (await tree.leavesOut(signal))) {
      await fill();
      return await buildPatiently(tree, { build, fill, signal });
    }
    // Leftovers of another commit must not make this one seem broken; they are not what a compiler objects to.
    if (!tree.isUsed || compilerError !== undefined) throw error;
    await tree.clean();
    return await build(false);
  }
}

function tellMissing(
  missing: readonly string[],
  tree: string,
  { progress }: Pick<Context, "progress">,
): void {
  if (missing.length === 0) return;
  const text = `${tree} lacks ${missing.length} of the files that a build may read, such as ${missing[0]}: building without them`;
  progress({ type: "note", text });
}
