import type { History } from "./history.ts";
import type { RateRow, RateTable } from "./rates.ts";

/** A trial that says something. What is `inconclusive` or an `infra-error` is no observation. */
export interface Observation {
  readonly test: number;
  readonly outcome: "clean" | "reproduced";
}

/** For each hypothesis, how likely it is before any trial, relative to the others; above 0. */
export type Weights = readonly number[];

/** What is believed of the first bad candidate after the observations so far. */
export interface Belief {
  readonly history: History;
  readonly table: RateTable;
  /** For each hypothesis, the log of how much more likely than others it was before any trial; absent: none was. */
  readonly suspicion?: Float64Array | undefined;
  /** Reproductions so far. */
  readonly reproduced: number;
  /** For each hypothesis, clean trials at points that are bad under it. */
  readonly clean: Int32Array;
  /** 1: a reproduction excludes this hypothesis. */
  readonly excluded: Uint8Array;
  /** Where the hypotheses lie that are not excluded: from `first` to `last`. */
  readonly first: number;
  readonly last: number;
  /** Probability of each hypothesis; all zero when none explains the observations. */
  readonly probability: Float64Array;
  readonly row: RateRow;
}

/**
 * The belief before any trial: every hypothesis is as likely as any other, but for what weights say.
 *
 * @param weights for each hypothesis how likely it is, relative to the others.
 */
export function initialBelief(history: History, table: RateTable, weights?: Weights): Belief {
  const size = history.candidates + 2;
  return weigh({
    history,
    table,
    suspicion: weights && Float64Array.from(weights, Math.log),
    reproduced: 0,
    clean: new Int32Array(size),
    excluded: new Uint8Array(size),
    first: 0,
    last: size - 1,
    probability: new Float64Array(size),
    row: table.row(0, 0),
  });
}

/**
 * The belief after one more trial, exactly by Bayes' rule. The given belief is used up: its arrays are taken
 * over, for a bisection makes thousands of these.
 */
export function observe(belief: Belief, { test, outcome }: Observation): Belief {
  const { history, clean, excluded } = belief;
  let { first, last, reproduced } = belief;
  if (outcome === "clean") {
    if (history.linear)
      for (let hypothesis = 0; hypothesis <= test; hypothesis += 1)
        clean[hypothesis] = (clean[hypothesis] ?? 0) + 1;
    else for (const hypothesis of history.covered(test)) clean[hypothesis] = (clean[hypothesis] ?? 0) + 1;
  } else {
    reproduced += 1;
    for (let hypothesis = first; hypothesis <= last; hypothesis += 1)
      if (!history.covers(test, hypothesis)) excluded[hypothesis] = 1;
    while (first < last && excluded[first] === 1) first += 1;
    while (last > first && excluded[last] === 1) last -= 1;
  }
  return weigh({ ...belief, first, last, reproduced });
}

/** Whether any single switch explains what was seen. In merged history reproductions can contradict another. */
export function isExplained(belief: Belief): boolean {
  return belief.excluded[belief.first] === 0;
}

/** The mean reproduction rate, over all hypotheses with something bad in them. */
export function expectedRate(belief: Belief): number {
  let sum = 0;
  let weight = 0;
  for (
    let hypothesis = belief.first;
    hypothesis <= Math.min(belief.last, belief.history.candidates);
    hypothesis += 1
  ) {
    const p = belief.probability[hypothesis] ?? 0;
    weight += p;
    sum += p * (belief.row.rate[belief.clean[hypothesis] ?? 0] ?? 0);
  }
  return weight === 0 ? 0 : sum / weight;
}

function weigh(belief: Belief): Belief {
  const { clean, excluded, probability, first, last, suspicion } = belief;
  let most = 0;
  for (let hypothesis = first; hypothesis <= last; hypothesis += 1)
    most = Math.max(most, clean[hypothesis] ?? 0);
  const row = belief.table.row(belief.reproduced, most);
  const logOf = (hypothesis: number): number =>
    (row.evidence[clean[hypothesis] ?? 0] ?? 0) + (suspicion?.[hypothesis] ?? 0);
  // Under the last hypothesis nothing is bad: no rate can explain a reproduction, and clean needs none.
  let top = Number.NEGATIVE_INFINITY;
  for (let hypothesis = first; hypothesis <= last; hypothesis += 1)
    if (excluded[hypothesis] === 0) top = Math.max(top, logOf(hypothesis));
  probability.fill(0);
  if (top === Number.NEGATIVE_INFINITY) return { ...belief, row };
  let sum = 0;
  for (let hypothesis = first; hypothesis <= last; hypothesis += 1) {
    if (excluded[hypothesis] === 1) continue;
    const p = Math.exp(logOf(hypothesis) - top);
    probability[hypothesis] = p;
    sum += p;
  }
  for (let hypothesis = first; hypothesis <= last; hypothesis += 1)
    probability[hypothesis] = (probability[hypothesis] ?? 0) / sum;
  return { ...belief, row };
}
