import type { Outcome } from "../../repro/outcome.ts";
import { seenRate } from "../bisect/learned-rate.ts";
import { learnedRate } from "../bisect/rates.ts";
import type { SeriesModel } from "./belief.ts";
import { ratesFrom } from "./least-rate.ts";

/**
 * What is taken for granted in one line of how often a bad release shows the bug: what every other trial of the same
 * repro showed of it, be it of another line of the same map. A line's own trials are weighed by its map.
 *
 * @param trials of the repro, in the order they were run.
 * @param own the line's cells.
 * @param leastRate no bad release shows it in a smaller share of its trials.
 * @example rateOfLine(ledger.trialsOfDefinition(definition), new Set(keys), 0.1).isRateKnown
 */
export function rateOfLine(
  trials: readonly { readonly cell: string; readonly outcome: Outcome }[],
  own: ReadonlySet<string>,
  leastRate: number,
): Pick<SeriesModel, "prior" | "isRateKnown"> {
  const learned = seenRate(trials, own);
  const unlearned = ratesFrom(leastRate);
  return {
    prior: learned === undefined ? unlearned : learnedRate(unlearned, learned),
    isRateKnown: (learned?.reproduced ?? 0) > 0,
  };
}
