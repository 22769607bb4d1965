import { areFixed, formatChanges, splitChanges } from "../changes.ts";
import { formatRevision, provideCommit } from "../commit.ts";
import { resolveCommit } from "../git-tree.ts";
import { storedKernel } from "../stored.ts";
import { noTwin } from "./release.ts";
import { after, type KernelSource } from "./source.ts";

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
    const { base, changes } = splitChanges(text);
    const at = /^(?<tree>.+)@(?!\{)(?<revision>[^@]+(?:@\{[^}]*\})?)$/s.exec(after("git", base) ?? "");
    const { tree, revision } = at?.groups ?? {};
    return tree && revision && !revision.startsWith("-")
      ? { type: "git", tree, revision, ...(changes.length > 0 && { changes }) }
      : undefined;
  },
  format: formatRevision,
  provide: async (selector, context, options) =>
    storedKernel(await provideCommit(selector, context, options), formatRevision(selector)),
  isFixed: ({ revision, changes }) => /^[0-9a-f]{40}$/.test(revision) && areFixed(changes),
  // Where a tree lies does not matter: its commit says it all.
  nameInLedger: ({ revision, changes }) => `git@${revision}${formatChanges(changes)}`,
  releaseOf: () => undefined,
  debugImages: async (selector, { signal }) => {
    const { tree, revision, changes } = selector;
    const commit = await resolveCommit(tree, revision, signal);
    const of = formatRevision({ tree, revision: commit, changes });
    return { places: [{ type: "twin", of }], otherwise: noTwin(formatRevision(selector)) };
  },
  list: () => [],
};
