import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CommandError, command } from "../base/command.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import type { KernelChange } from "./changes.ts";
import { resolveCommit } from "./git-tree.ts";

/** A change of source files, ready to be applied. */
export interface SourceEdit {
  /** For messages. */
  readonly title: string;
  /** Names what it changes: a commit that is taken back, or the sha256 of a patch. */
  readonly identity: string;
  /** As `git apply` takes it. */
  readonly patch: Buffer;
}

/**
 * The changes of source files among a kernel's changes.
 *
 * @param tree where commits are looked up; undefined: the source is an archive, which has none.
 * @throws {UsageError} when a file cannot be read, a commit is unknown, or there is no tree to look one up in.
 */
export async function readEdits(
  changes: readonly KernelChange[],
  tree: string | undefined,
  signal: AbortSignal,
): Promise<SourceEdit[]> {
  const edits: SourceEdit[] = [];
  for (const change of changes) {
    if (change.type === "patch") edits.push(await readPatch(change.path));
    if (change.type === "revert") edits.push(await reversalOf(change.revision, tree, signal));
  }
  return edits;
}

/** What a source is, with its edits: without any, just what it was. */
export function editedIdentity(identity: string, edits: readonly SourceEdit[]): string {
  return [identity, ...edits.map(({ identity }) => identity)].join("+");
}

/** A clause for a report. @example describeEdits(edits) // ", with fix.patch (sha256 0123456789ab...)" */
export function describeEdits(edits: readonly SourceEdit[]): string {
  return edits.map(({ title }) => `, ${title}`).join("");
}

async function readPatch(given: string): Promise<SourceEdit> {
  const path = resolve(given);
  const patch = await readFile(path).catch((error: unknown) => {
    throw new UsageError(`the patch ${path} cannot be read: ${messageOf(error)}`, {
      next: "Check the path after --patch.",
      cause: error,
    });
  });
  const sha256 = createHash("sha256").update(patch).digest("hex");
  return { title: `with ${given} (sha256 ${sha256.slice(0, 12)}...)`, identity: `patch ${sha256}`, patch };
}

async function reversalOf(
  revision: string,
  tree: string | undefined,
  signal: AbortSignal,
): Promise<SourceEdit> {
  if (tree === undefined) {
    throw new UsageError(`${revision} cannot be taken back: the source is an archive, which has no commits`, {
      next: "Name a git tree: --kernel git:/path@REV, or DSTATE_KERNEL_TREE=/path for a release that it has.",
    });
  }
  const commit = await resolveCommit(tree, revision, signal);
  const git = ["git", "-C", resolve(tree)];
  const options = { within: timeouts.host.git, signal } as const;
  const { stdout: line } = await command([...git, "rev-list", "--parents", "-1", commit], options);
  const [, parent, ...others] = line.trim().split(" ");
  if (parent === undefined || others.length > 0) {
    const what = parent === undefined ? "has no parent here" : "is a merge";
    throw new UsageError(`${revision} cannot be taken back: it ${what}`, {
      next: "Name a commit that changes files itself.",
    });
  }
  const diff = ["diff", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", commit, parent];
  const { stdout: patch } = await command([...git, ...diff], options);
  return {
    title: `without commit ${commit.slice(0, 12)}`,
    identity: `revert ${commit}`,
    patch: Buffer.from(patch),
  };
}

/**
 * Apply edits to an unpacked source. Paths that leave it are refused by git itself.
 *
 * @param apply runs git in the source: in a work tree its own, with its index.
 * @throws {UsageError} when one does not fit.
 */
export async function applyEdits(
  edits: readonly SourceEdit[],
  name: string,
  apply: (argv: readonly string[], patch: Buffer) => Promise<unknown>,
): Promise<void> {
  for (const { patch, title } of edits) {
    await apply(["apply", "--whitespace=nowarn"], patch).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error;
      const why = error.stderr.split("\n").find((line) => line.startsWith("error:")) ?? error.message;
      throw new UsageError(`Linux ${name} cannot be built ${title}: ${why.replace(/^error: /, "")}`, {
        next: "Make the patch against this version; what it changes has to be there as it says.",
        cause: error,
      });
    });
  }
}

/** Runs git in a folder that is no work tree, whatever lies around it. */
export function plainApply(
  source: string,
  signal: AbortSignal,
): (argv: readonly string[], patch: Buffer) => Promise<unknown> {
  return async (argv, input) =>
    await command(["git", ...argv], {
      within: timeouts.host.git,
      signal,
      cwd: source,
      input,
      env: { GIT_CEILING_DIRECTORIES: dirname(source), GIT_DIR: undefined, GIT_WORK_TREE: undefined },
      install: "Install git.",
    });
}
