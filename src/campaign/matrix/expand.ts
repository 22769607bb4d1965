import type { Context } from "../../base/context.ts";
import type { Cell } from "../../lab/cell.ts";
import { kernelCandidates, nodeCandidates } from "../bisect/candidates.ts";
import { releasesInRange } from "../bisect/git-range.ts";
import { gitRange, isRange, parseRange } from "../bisect/range.ts";

const axes = {
  kernel: { candidates: kernelCandidates, value: (cell: Cell) => cell.kernel },
  node: { candidates: nodeCandidates, value: (cell: Cell) => cell.node },
} as const;

/**
 * Put the releases of a range in its place: `A..B` among the values of an axis.
 *
 * @param cell what else the machine is made from.
 * @throws {UsageError} for a range without releases.
 * @example await expandRanges("kernel", ["6.1.106..6.1.129", "deb:7.2"], cell, context)
 */
export async function expandRanges(
  axis: keyof typeof axes,
  values: readonly string[],
  cell: Cell,
  context: Context,
): Promise<string[]> {
  const { candidates, value } = axes[axis];
  const lists = await Promise.all(
    values.map(async (text) => {
      const ofTree = gitRange(text);
      if (ofTree) return await releasesInRange(ofTree, context);
      if (!isRange(text)) return [text];
      return (await candidates(parseRange(text), cell, context)).map((candidate) => value(candidate.cell));
    }),
  );
  return [...new Set(lists.flat().filter((found) => found !== undefined))];
}
