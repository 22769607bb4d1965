import type { Outcome } from "../../repro/outcome.ts";

/** Trials in cells that are known to be bad. */
export interface SeenRate {
  readonly reproduced: number;
  readonly clean: number;
}

/** What another cell shows of the rate is a hint: it never weighs more than this many trials. */
const mostTrials = 20;

/**
 * What earlier trials of the same repro say of the reproduction rate. A cell is known to be bad from its first
 * reproduction on, so only the trials after it count: with the first one they would show too high a rate, for a
 * cell without any would not have been looked at.
 *
 * @param trials in the order they were run.
 * @param except cells that are no earlier ones, such as those of the range that is bisected.
 * @returns undefined when nothing was seen.
 * @example seenRate([{ cell: "a", outcome: "reproduced" }, { cell: "a", outcome: "clean" }]) // { reproduced: 0, clean: 1 }
 */
export function seenRate(
  trials: readonly { readonly cell: string; readonly outcome: Outcome }[],
  except: ReadonlySet<string> = new Set(),
): SeenRate | undefined {
  const bad = new Set<string>();
  let [reproduced, clean] = [0, 0];
  for (const { cell, outcome } of trials) {
    if (except.has(cell)) continue;
    if (bad.has(cell)) {
      if (outcome === "reproduced") reproduced += 1;
      if (outcome === "clean") clean += 1;
    } else if (outcome === "reproduced") bad.add(cell);
  }
  const sum = reproduced + clean;
  if (sum === 0) return undefined;
  const share = Math.min(1, mostTrials / sum);
  // A rate of 1 that was contradicted once must stay contradicted.
  return { reproduced: Math.round(reproduced * share), clean: Math.ceil(clean * share) };
}
