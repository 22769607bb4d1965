import { type BisectState, stateOf } from "../campaign/bisect/bisect.ts";
import { planOf, recall } from "../campaign/bisect/run.ts";
import type { Campaign, Ledger } from "../campaign/ledger.ts";
import type { MappedLine } from "../campaign/map/run.ts";
import { anytimeInterval } from "../campaign/matrix/anytime.ts";
import type { MatrixRow } from "../campaign/matrix/drive.ts";
import type { MatrixPlan } from "../campaign/matrix/matrix.ts";
import type { BisectRecord, MatrixRecord } from "../record/run-record.ts";
import type { Outcome } from "../repro/outcome.ts";
import { describeConclusion, rowsOf } from "./posterior.ts";

/** A matrix as `run.json` keeps it. */
export function matrixRecord(rows: readonly MatrixRow[], plan: MatrixPlan): MatrixRecord {
  return {
    trials: plan.trials,
    confidence: plan.confidence,
    cells: rows.map(({ cell, tally, verdict, open, trials, problem }) => ({
      cell,
      verdict: verdict.type,
      open,
      reproduced: tally.reproduced,
      clean: tally.clean,
      inconclusive: tally.inconclusive,
      infraErrors: tally["infra-error"],
      earlier: trials.filter((trial) => trial.earlier).length,
      low: verdict.low,
      high: verdict.high,
      ...(problem === undefined ? {} : { problem }),
    })),
  };
}

/** A map as `run.json` keeps it: a matrix of the releases that were tried. */
export function mapRecord(lines: readonly MappedLine[], confidence: number): MatrixRecord {
  const verdicts = { bad: "fails", good: "not-seen", unknown: "inconclusive" } as const;
  return {
    trials: 1,
    confidence,
    cells: lines.flatMap(({ releases }) =>
      releases
        .filter(({ trials, problem }) => trials.length > 0 || problem !== undefined)
        .map(({ cell, state, seen, trials, problem }) => {
          const { low, high } = anytimeInterval(seen.reproduced, seen.reproduced + seen.clean, confidence);
          const count = (outcome: Outcome): number =>
            trials.filter((trial) => trial.outcome === outcome).length;
          return {
            cell,
            verdict:
              state === "bad" && seen.clean === 0
                ? "fails-always"
                : state === "bad" && seen.reproduced > 0
                  ? "fails-sometimes"
                  : verdicts[state],
            open: state === "unknown" && problem === undefined,
            ...seen,
            inconclusive: count("inconclusive"),
            infraErrors: count("infra-error"),
            earlier: trials.filter(({ earlier }) => earlier).length,
            low,
            high,
            ...(problem === undefined ? {} : { problem }),
          };
        }),
    ),
  };
}

/** A bisection as `run.json` keeps it: what is believed now, and what was believed after each of its trials. */
export function bisectRecord(id: string, campaign: Campaign, ledger: Ledger): BisectRecord {
  const state = recall(campaign, ledger);
  return {
    id,
    range: campaign.range,
    confidence: campaign.confidence,
    conclusion: describeConclusion(campaign, state),
    found: state.conclusion.type === "found",
    candidates: rowsOf(campaign.candidates, state),
    history: historyOf(campaign, ledger),
  };
}

/** The probabilities after each trial that said something, in the order in which they were run. */
function historyOf(campaign: Campaign, ledger: Ledger): BisectRecord["history"] {
  const { candidates } = campaign;
  const plan = planOf(campaign);
  const trials = candidates
    .flatMap(({ cell }, candidate) => ledger.trialsOf(cell).map((trial) => ({ candidate, ...trial })))
    .sort((a, b) => a.id - b.id);
  const soFar = candidates.map((): { outcome: "reproduced" | "clean" }[] => []);
  const none = candidates.map(() => false);
  return trials.flatMap(({ candidate, outcome }) => {
    if (outcome !== "reproduced" && outcome !== "clean") return [];
    soFar[candidate]?.push({ outcome });
    const state: BisectState = stateOf(plan, soFar, none);
    const probabilities = candidates.map((_, index) => Math.round(1000 * (state.probability[index] ?? 0)));
    return [{ candidate, outcome, probabilities }];
  });
}
