import { type History, mergedHistory } from "./history.ts";

/**
 * What a bisection asks for: which candidate brought the failure (the left end is good), or which one mended it (the
 * left end is bad).
 */
export type Direction = "broke" | "mended";

/**
 * A range as the arithmetic sees it, which knows one question only: from which test on is it bad? What mended a
 * failure is that question asked from the other end. Candidates, and hypotheses about them, are numbered as the
 * user sees them, the left end first; tests and hypotheses of the {@link History} are numbered from the good end.
 */
export interface Question {
  readonly history: History;
  /** The test of a candidate, and back. */
  readonly test: (candidate: number) => number;
  /**
   * A hypothesis of the history as one about candidates, and back: 0 is "the left end has changed already", n + 1 is
   * "none has".
   */
  readonly hypothesis: (hypothesis: number) => number;
}

/**
 * Turn a range and a direction into the question.
 *
 * @param parents of each candidate, as {@link mergedHistory} takes them.
 * @example ask([[], [0], [1]], "mended").test(0) // 2: the left end is the bad one
 */
export function ask(parents: readonly (readonly number[])[], direction: Direction = "broke"): Question {
  const history = mergedHistory(parents);
  if (direction === "broke") return { history, test: (candidate) => candidate, hypothesis: (same) => same };
  const last = history.candidates;
  const test = (candidate: number): number => last - candidate;
  const hypothesis = (other: number): number => last + 1 - other;
  return { history: mirrored(history, { test, hypothesis }), test, hypothesis };
}

/** A commit is mended when the one that mended is among its ancestors, or is itself: bad is the rest. */
function mirrored(
  history: History,
  { test: mirror, hypothesis: other }: Pick<Question, "test" | "hypothesis">,
): History {
  // A row is its own mirror image.
  if (history.linear) return history;
  const covers = (test: number, hypothesis: number): boolean =>
    !history.covers(mirror(test), other(hypothesis));
  return {
    candidates: history.candidates,
    linear: false,
    covers,
    covered: function* (test) {
      for (let hypothesis = 0; hypothesis <= history.candidates + 1; hypothesis += 1)
        if (covers(test, hypothesis)) yield hypothesis;
    },
  };
}
