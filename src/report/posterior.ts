import { styleText } from "node:util";
import { oneLine } from "../base/text.ts";
import type { Direction } from "../campaign/bisect/direction.ts";

/** A candidate with what is believed of it. */
export interface PosteriorRow {
  readonly name: string;
  readonly detail: string;
  /** Probability that it is the first bad one, or the first mended one. */
  readonly probability: number;
  readonly reproduced: number;
  readonly clean: number;
  readonly skipped: boolean;
}

/**
 * The posterior as a plot: a bar for each candidate, with its trials. Candidates that were never tried and are
 * unlikely are drawn together.
 *
 * @param options.width columns of the terminal.
 * @example renderPosterior([{ name: "20.3.0", detail: "", probability: 0.9, reproduced: 2, clean: 0, skipped: false }], { width: 80 })
 */
export function renderPosterior(
  rows: readonly PosteriorRow[],
  options: { readonly width: number; readonly colour?: boolean },
): string {
  const shown = rows.filter(isShown);
  const names = Math.max(8, ...shown.map(({ name }) => oneLine(name).length));
  const room = Math.max(10, Math.min(40, options.width - names - 50));
  const lines: string[] = [];
  let hidden: PosteriorRow[] = [];
  const flush = (): void => {
    if (hidden.length === 0) return;
    const sum = hidden.reduce((total, { probability }) => total + probability, 0);
    lines.push(`${"".padEnd(names)}  ... ${hidden.length} more, together ${percent(sum)}`);
    hidden = [];
  };
  for (const row of rows) {
    if (!isShown(row)) {
      hidden.push(row);
      continue;
    }
    flush();
    const filled = Math.round(row.probability * room);
    const bar = `${"█".repeat(filled)}${"·".repeat(room - filled)}`;
    const trials = [
      ...(row.reproduced > 0 ? [`${row.reproduced} reproduced`] : []),
      ...(row.clean > 0 ? [`${row.clean} clean`] : []),
      ...(row.skipped ? ["passed over"] : []),
    ].join(", ");
    const coloured =
      options.colour === true && row.probability > 0.5
        ? styleText("red", bar, { validateStream: false })
        : bar;
    lines.push(
      `${oneLine(row.name).padEnd(names)}  ${coloured} ${percent(row.probability).padStart(7)}  ${trials}${
        row.detail === "" ? "" : `  ${oneLine(row.detail).slice(0, 60)}`
      }`.trimEnd(),
    );
  }
  flush();
  return lines.join("\n");
}

function isShown(row: PosteriorRow): boolean {
  return row.probability >= 0.005 || row.reproduced > 0 || row.clean > 0 || row.skipped;
}

function percent(p: number): string {
  if (p > 0.999 && p < 1) return "> 99.9%";
  return `${(100 * p).toFixed(1)}%`;
}

/** The part of a bisection's state that is drawn. */
export interface DrawnState {
  readonly probability: Float64Array;
  readonly observations: readonly { readonly test: number; readonly outcome: "clean" | "reproduced" }[];
  readonly testable: Uint8Array;
  readonly suspects: readonly { readonly hypotheses: readonly number[]; readonly probability: number }[];
  readonly rate: number;
  readonly goodRate?: number | undefined;
  readonly conclusion:
    | {
        readonly type: "found";
        readonly suspects: { readonly hypotheses: readonly number[]; readonly probability: number };
      }
    | { readonly type: "good-is-bad" | "ends-agree" | "several-switches"; readonly probability: number }
    | { readonly type: "open" };
}

/** Candidates with their probabilities and trials. */
export function rowsOf(
  candidates: readonly { readonly name: string; readonly detail: string }[],
  state: DrawnState,
): PosteriorRow[] {
  const count = (test: number, outcome: string): number =>
    state.observations.filter((seen) => seen.test === test && seen.outcome === outcome).length;
  return candidates.map(({ name, detail }, index) => ({
    name,
    detail,
    probability: state.probability[index] ?? 0,
    reproduced: count(index, "reproduced"),
    clean: count(index, "clean"),
    skipped: state.testable[index] === 0,
  }));
}

/** A bisection, as far as sentences about it care. */
export interface DescribedBisection {
  readonly candidates: readonly { readonly name: string }[];
  /** Which question was asked. Default: what broke it. */
  readonly direction?: Direction | undefined;
}

/** What a bisection comes to, in a sentence or a few. */
export function describeConclusion(
  { candidates, direction = "broke" }: DescribedBisection,
  state: DrawnState,
): string {
  const words = wordsFor[direction];
  const name = (index: number): string => oneLine(candidates[index]?.name ?? words.none);
  const left = name(0);
  const right = name(candidates.length - 1);
  const good = state.goodRate === undefined ? "" : `, a good one in about ${percent(state.goodRate)}`;
  const tried = `after ${state.observations.length} trials`;
  const { conclusion } = state;
  switch (conclusion.type) {
    case "found": {
      const { hypotheses, probability } = conclusion.suspects;
      const names = hypotheses.map(name).join(", ");
      return hypotheses.length === 1
        ? `${names} is the ${words.first}: ${percent(probability)} ${tried}; a bad one reproduces in about ${percent(state.rate)} of its trials${good}.`
        : `The ${words.first} is among ${names}: ${percent(probability)} ${tried}. They cannot be told apart: those between them cannot be tried.`;
    }
    case "good-is-bad":
      return words.goodIsBad({ left, right, how: `${percent(conclusion.probability)} ${tried}` });
    case "ends-agree":
      if (state.goodRate !== undefined)
        return `The ends do not differ, or the other way round: ${percent(conclusion.probability)} ${tried}. ${direction === "broke" ? `Where ${left} fails more often than ${right}, add --fixed.` : `Where ${right} fails more often than ${left}, leave --fixed out.`}`;
      return `The ends do not differ: nothing reproduces, not even at the bad end ${direction === "broke" ? right : left}: ${percent(conclusion.probability)} ${tried}.`;
    case "several-switches":
      return `The history is not one switch from ${words.way}: ${percent(conclusion.probability)} ${tried}. Bisect a shorter range, or see all of it with \`dstate map\`.`;
    case "open": {
      const likely = state.suspects
        .slice(0, 5)
        .map((suspects) => `${suspects.hypotheses.map(name).join(" or ")} ${percent(suspects.probability)}`);
      return `Not certain ${tried}. Most likely the ${words.first}: ${likely.join("; ")}.`;
    }
  }
}

interface EndWords {
  readonly left: string;
  readonly right: string;
  readonly how: string;
}

const wordsFor: Readonly<
  Record<
    Direction,
    {
      readonly first: string;
      readonly none: string;
      readonly way: string;
      readonly goodIsBad: (ends: EndWords) => string;
    }
  >
> = {
  broke: {
    first: "first bad one",
    none: "none of them: nothing in the range is bad",
    way: "good to bad, it was mended and broken again",
    goodIsBad: ({ left, right, how }) =>
      `The left end ${left} is bad already: ${how}. Start from an older one; where ${right} is good, add --fixed to find what mended it.`,
  },
  mended: {
    first: "first one that is mended",
    none: "none of them: all of the range is bad",
    way: "bad to good, it was broken and mended again",
    goodIsBad: ({ left, right, how }) =>
      `The right end ${right} is still bad: ${how}. Go on to a newer one; where ${left} is good, leave --fixed out to find what broke it.`,
  },
};
