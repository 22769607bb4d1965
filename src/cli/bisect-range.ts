import { resolve } from "node:path";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import {
  broughtBy,
  type Candidate,
  commitCandidates,
  kernelCandidates,
  nodeCandidates,
} from "../campaign/bisect/candidates.ts";
import { idOfCommit, touchedPaths } from "../campaign/bisect/commit-paths.ts";
import { mergeNoOps } from "../campaign/bisect/no-op.ts";
import { type Ends, type GitRange, gitRange, isRange, parseRange } from "../campaign/bisect/range.ts";
import type { RunBisectOptions } from "../campaign/bisect/run.ts";
import { filesOfFunctions, functionsInStacks } from "../campaign/bisect/stack-files.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import type { Ledger } from "../campaign/ledger.ts";
import { BuildError } from "../kernel/build.ts";
import { compiledFiles } from "../kernel/compiled-files.ts";
import { changeKernel } from "../kernel/selector.ts";
import { type Cell, chooseCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import type { Repro } from "../repro/define.ts";
import type { FoundRepro } from "../repro/find.ts";
import { knownLibuv } from "../runtime/node.ts";
import { type CellOptions, changesOf, choiceOf } from "./selectors.ts";

/** What of a bisection's options says over what it goes. */
export interface RangeOptions extends CellOptions {
  readonly git?: string;
  readonly range?: string;
  readonly suspect?: readonly string[];
}

/** The range that was asked for, with all that lies in it; the left end first. */
export async function candidatesOf(
  repro: Repro,
  options: RangeOptions,
  context: Context,
): Promise<Pick<RunBisectOptions, "range" | "candidates" | "details">> {
  const { kernel, node } = options;
  const asked = [isRange(kernel), isRange(node), options.git !== undefined];
  if (asked.filter(Boolean).length !== 1) {
    throw new UsageError("a bisection needs one range, over kernels, Node releases or commits", {
      next: "Write --kernel A..B, --node A..B, or --git TREE --range A..B.",
    });
  }
  const commits = commitsOf(options);
  if (isRange(kernel) && !commits) {
    const cell = chooseCell(
      repro.axes,
      { ...choiceOf(options), kernel: undefined, kernelChanges: undefined },
      context.settings,
    );
    return {
      range: `kernel ${kernel}`,
      candidates: withChanges(await kernelCandidates(parseRange(kernel), cell, context), options),
    };
  }
  if (isRange(node)) {
    const cell = chooseCell(repro.axes, { ...choiceOf(options), node: undefined }, context.settings);
    const candidates = await nodeCandidates(parseRange(node), cell, context);
    const details = async (): Promise<readonly string[]> => {
      const libuv = await knownLibuv(context);
      return candidates.map(({ name }) => (libuv.has(name) ? `libuv ${libuv.get(name)}` : ""));
    };
    const known = await details();
    return {
      range: `node ${node}`,
      candidates: candidates.map((candidate, index) => ({ ...candidate, detail: known[index] ?? "" })),
      details,
    };
  }
  if (!commits)
    throw new UsageError("--git needs --range A..B", {
      next: "For example --range v6.1.106..v6.1.115.",
    });
  const cell = chooseCell(
    repro.axes,
    { ...choiceOf(options), kernel: undefined, kernelChanges: undefined },
    context.settings,
  );
  return await commitsBetween(resolve(commits.tree), commits.ends, cell, { repro, options }, context);
}

async function commitsBetween(
  tree: string,
  ends: Ends,
  cell: Cell,
  { repro, options }: { readonly repro: Repro; readonly options: RangeOptions },
  context: Context,
): Promise<Pick<RunBisectOptions, "range" | "candidates">> {
  const all = await commitCandidates(tree, ends, cell, context);
  return {
    range: `git ${ends.left}..${ends.right}`,
    candidates:
      changesOf(options) === "" ? await withoutNoOps(all, tree, repro, context) : withChanges(all, options),
  };
}

/**
 * What the commit that a bisection found brought, where it is a merge that stood for all of that: the next range.
 *
 * @param found the commit, and the line on which it was found.
 * @returns undefined where the answer is an answer.
 */
export async function insideOf(
  found: { readonly candidate: Candidate; readonly line: readonly Candidate[] },
  asked: { readonly repro: Repro; readonly options: RangeOptions },
  context: Context,
): Promise<Pick<RunBisectOptions, "range" | "candidates"> | undefined> {
  const commits = commitsOf(asked.options);
  if (!commits || found.candidate.parents.length !== 1) return undefined;
  const tree = resolve(commits.tree);
  const id = idOfCommit(found.candidate);
  const ends = await broughtBy(id, tree, context);
  if (!ends) return undefined;
  const inside = await commitsBetween(tree, ends, found.candidate.cell, asked, context);
  const known = new Set(found.line.map(idOfCommit));
  const brought = inside.candidates.filter((candidate) => !known.has(idOfCommit(candidate))).length;
  if (brought === 0) return undefined;
  const text = `${found.candidate.name} is a merge (${found.candidate.detail}): on with the ${brought} commits that it brought`;
  context.progress({ type: "note", text });
  return { ...inside, range: `git ${ends.left.slice(0, 12)}..${ends.right.slice(0, 12)}` };
}

/** Commits without those whose kernel is their parent's: the right end is built first, and says what is compiled. */
async function withoutNoOps(
  candidates: readonly Candidate[],
  tree: string,
  repro: Repro,
  context: Context,
): Promise<readonly Candidate[]> {
  const end = candidates.at(-1)?.cell;
  if (!end) return candidates;
  try {
    const { kernel } = await provideParts(repro, end, context);
    const compiled = await compiledFiles(tree, { fragments: repro.kernelFragments?.(end) ?? [] }, context);
    // Objects of another line of releases, or from before, say nothing about this one.
    if (compiled?.version !== kernel.version) return candidates;
    const { candidates: kept, merged } = await mergeNoOps(candidates, tree, compiled, context);
    if (merged > 0) {
      const text = `${merged} of ${candidates.length - 1} commits change nothing that this configuration compiles: they need no trial`;
      context.progress({ type: "note", text });
    }
    return kept;
  } catch (error) {
    // An end that does not build is passed over later on, with its reason.
    if (error instanceof BuildError) return candidates;
    throw error;
  }
}

/** What the user suspects of the commits of a range, and what those change. */
export async function suspicionOf(
  options: RangeOptions,
  asked: Pick<RunBisectOptions, "found" | "candidates">,
  ledger: Ledger,
  context: Context,
): Promise<Pick<RunBisectOptions, "suspects" | "touched">> {
  const { suspect = [] } = options;
  if (suspect.length === 0) return {};
  const commits = commitsOf(options);
  const end = asked.candidates.at(-1);
  if (!commits || !end)
    throw new UsageError("--suspect is about what commits change, and this range is none of commits", {
      next: "Use it with --git TREE --range A..B.",
    });
  const tree = resolve(commits.tree);
  const named = suspect.filter((path) => path !== "stacks");
  const paths = await touchedPaths(asked.candidates, tree, context);
  const touched = asked.candidates.map((candidate) => paths.get(idOfCommit(candidate)) ?? []);
  const all = new Set([...paths.values()].flat());
  const among = { tree, commit: idOfCommit(end), paths: [...all] };
  const found = suspect.includes("stacks") ? await filesOfStacks(asked.found, among, ledger, context) : [];
  const suspects = [...new Set([...named, ...found])];
  const unknown = named.filter((path) => ![...all].some((one) => one === path || one.startsWith(`${path}/`)));
  if (unknown.length > 0)
    context.progress({
      type: "note",
      text: `no commit of the range changes ${unknown.join(", ")}: that suspicion says nothing`,
    });
  return { suspects, touched };
}

/** The files, of those that the range changes, of the functions that earlier reproductions had on their stacks. */
async function filesOfStacks(
  found: FoundRepro,
  among: Parameters<typeof filesOfFunctions>[1],
  ledger: Ledger,
  context: Context,
): Promise<string[]> {
  const functions = await functionsInStacks(ledger.trialsOfDefinition(await definitionOf(found)));
  const files = await filesOfFunctions(functions, among, context);
  const text =
    files.length > 0
      ? `suspected for the stacks of earlier reproductions: ${files.join(", ")}`
      : functions.length > 0
        ? `no commit of the range changes a file that is on the stacks of earlier reproductions (${functions.slice(0, 5).join(", ")})`
        : "no earlier reproduction of this repro has a stack in its kernel log: the stacks say nothing";
  context.progress({ type: "note", text });
  return files;
}

/** The range of commits that was asked for, in either way of writing it. */
export function commitsOf({ git, range, kernel }: RangeOptions): GitRange | undefined {
  if (git !== undefined && range !== undefined) return { tree: git, ends: parseRange(range) };
  return git === undefined && kernel !== undefined ? gitRange(kernel) : undefined;
}

/** Candidates whose kernels are built with the user's changes, each of them. */
function withChanges(candidates: readonly Candidate[], options: RangeOptions): readonly Candidate[] {
  const changes = changesOf(options);
  return candidates.map((candidate) => {
    const { kernel } = candidate.cell;
    return { ...candidate, cell: { ...candidate.cell, kernel: changeKernel(kernel, changes) } };
  });
}
