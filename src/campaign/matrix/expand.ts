import type { Context } from "../../base/context.ts";
import type { Cell } from "../../lab/cell.ts";
import { isRange, kernelCandidates, nodeCandidates, parseRange } from "../bisect/candidates.ts";

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
    values.map(async (text) =>
      isRange(text)
        ? (await candidates(parseRange(text), cell, context)).map((candidate) => value(candidate.cell))
        : [text],
    ),
  );
  return [...new Set(lists.flat().filter((found) => found !== undefined))];
}
