import type { Belief } from "./posterior.ts";

/** What an answer is read from, whatever the noise. */
type Read = Pick<Belief, "history" | "probability" | "first" | "last">;

/** Candidates that no possible trial can tell apart, and their common probability. */
export interface Suspects {
  /** Hypotheses, as {@link History} numbers them. */
  readonly hypotheses: readonly number[];
  readonly probability: number;
}

/** What a bisection comes to. */
export type Conclusion =
  /** One candidate, or several that cannot be told apart because those between them cannot be tested. */
  | { readonly type: "found"; readonly suspects: Suspects }
  | { readonly type: "good-is-bad"; readonly probability: number }
  | { readonly type: "ends-agree"; readonly probability: number }
  | { readonly type: "open" };

/**
 * The part of the allowed error that is used. A posterior is right as often as it says in the mean over the rates
 * that it allows for, and if a given rate is exact. What is kept back makes that hold at every rate.
 */
const usedError = 0.8;

/**
 * What can be said with a confidence.
 *
 * @example conclude(belief, { confidence: 0.99 }).type // "found"
 */
export function conclude(
  belief: Read,
  options: { readonly confidence: number; readonly testable?: Uint8Array | undefined },
): Conclusion {
  const { probability, history, first, last } = belief;
  const needed = 1 - (1 - options.confidence) * usedError;
  let best = first;
  for (let hypothesis = first; hypothesis <= last; hypothesis += 1)
    if ((probability[hypothesis] ?? 0) > (probability[best] ?? 0)) best = hypothesis;
  const likely =
    options.testable?.includes(0) === true
      ? suspectsOf(belief, options.testable)[0]
      : { hypotheses: [best], probability: probability[best] ?? 0 };
  if (!likely || likely.probability < needed) return { type: "open" };
  const only = likely.hypotheses.length === 1 ? likely.hypotheses[0] : undefined;
  if (only === 0) return { type: "good-is-bad", probability: likely.probability };
  if (only === history.candidates + 1) return { type: "ends-agree", probability: likely.probability };
  return { type: "found", suspects: likely };
}

/**
 * The hypotheses that are left, the most likely first, those that no possible trial tells apart together.
 */
export function suspectsOf(belief: Pick<Read, "history" | "probability">, testable?: Uint8Array): Suspects[] {
  const { history, probability } = belief;
  const groups = new Map<string, { hypotheses: number[]; probability: number }>();
  let run = 0;
  for (let hypothesis = 0; hypothesis <= history.candidates + 1; hypothesis += 1) {
    const p = probability[hypothesis] ?? 0;
    // In a row, what lies between two tests that can be made belongs together.
    if (history.linear && hypothesis > 0 && testable?.[hypothesis - 1] !== 0) run += 1;
    if (p === 0) continue;
    const key = history.linear ? `${run}` : signatureOf(belief, hypothesis, testable);
    const group = groups.get(key) ?? { hypotheses: [], probability: 0 };
    group.hypotheses.push(hypothesis);
    group.probability += p;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.probability - a.probability);
}

function signatureOf({ history }: Pick<Read, "history">, hypothesis: number, testable?: Uint8Array): string {
  let key = "";
  for (let test = 0; test <= history.candidates; test += 1)
    if (testable?.[test] !== 0) key += history.covers(test, hypothesis) ? "1" : "0";
  return key;
}
