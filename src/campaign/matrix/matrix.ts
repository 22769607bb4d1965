import { exitCode } from "../../base/errors.ts";
import type { Outcome } from "../../repro/outcome.ts";
import { anytimeInterval } from "./anytime.ts";
import { deviationsFor, type RateInterval, wilsonInterval } from "./wilson.ts";

/** How often each outcome was seen in a cell. */
export type Tally = Readonly<Record<Outcome, number>>;

/** What was asked of every cell. */
export interface MatrixPlan {
  /** Trials that must say something, reproduced or clean, before a cell is done. */
  readonly trials: number;
  /** Of the intervals, such as 0.95. */
  readonly confidence: number;
  /** Run all trials, also where the verdict cannot change any more. */
  readonly full: boolean;
}

/**
 * What a cell's trials come to.
 * - `fails-always`: all of the trials asked for reproduced. `fails-sometimes`: some did, some were clean.
 * - `fails`: what could be judged reproduced, but fewer trials could be judged than were asked for.
 * - `not-seen`: all of the trials asked for were clean.
 * - `inconclusive`: too few trials could be judged. `infra-error`: none could, for reasons of ours.
 */
export type VerdictType =
  | "fails-always"
  | "fails-sometimes"
  | "fails"
  | "not-seen"
  | "inconclusive"
  | "infra-error";

export interface Verdict extends RateInterval {
  readonly type: VerdictType;
  /** Trials that said something. */
  readonly judged: number;
  /** `wilson`: all trials asked for were run. `anytime`: fewer were, and the interval allows for that. */
  readonly interval: "wilson" | "anytime";
}

/** A cell in the middle of a matrix. */
export interface CellProgress {
  /** Every trial that counts, of earlier runs too. */
  readonly tally: Tally;
  /** Trials of this run that said nothing; infra-errors are counted from the last other outcome on. */
  readonly wasted: { readonly inconclusive: number; readonly infraErrors: number };
  /** Trials that run now. */
  readonly running: number;
  readonly state: "waiting" | "ready" | "cannot-be-had";
}

/** A cell whose trials fail on our side this often in a row is left alone. */
const patience = 3;

export const noTrials: Tally = { reproduced: 0, clean: 0, inconclusive: 0, "infra-error": 0 };

/** The tally with one more trial. */
export function count(tally: Tally, outcome: Outcome): Tally {
  return { ...tally, [outcome]: tally[outcome] + 1 };
}

/**
 * Whether more trials of a cell could change its verdict: until both a reproduced and a clean trial were seen, or
 * as many as were asked for. As many inconclusive trials as that, or three infra-errors in a row, end it too.
 */
export function isOpen(
  { tally, wasted, state }: Pick<CellProgress, "tally" | "wasted" | "state">,
  plan: MatrixPlan,
): boolean {
  if (state === "cannot-be-had" || wasted.infraErrors >= patience || wasted.inconclusive >= plan.trials)
    return false;
  if (tally.reproduced + tally.clean >= plan.trials) return false;
  return plan.full || tally.reproduced === 0 || tally.clean === 0;
}

/**
 * Which cell the next trial is for: of those that are ready and open, the one with the fewest trials that count
 * or run. So whenever one stops, all cells are known about equally well.
 *
 * @returns its number, or undefined when there is nothing to start now.
 */
export function nextCell(cells: readonly CellProgress[], plan: MatrixPlan): number | undefined {
  let best: number | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const [number, cell] of cells.entries()) {
    if (cell.state !== "ready" || !isOpen(cell, plan)) continue;
    const judged = cell.tally.reproduced + cell.tally.clean + cell.running;
    // What runs already may be all that is needed.
    if (judged >= plan.trials) continue;
    const load = judged + cell.wasted.inconclusive + cell.wasted.infraErrors;
    if (load < fewest) [best, fewest] = [number, load];
  }
  return best;
}

/**
 * A cell's trials taken together. Also of a cell that is still open: then it says what is known so far.
 *
 * @example verdictOf({ ...noTrials, clean: 5 }, { trials: 5, confidence: 0.95, full: false }).type // "not-seen"
 */
export function verdictOf(tally: Tally, plan: MatrixPlan): Verdict {
  const { reproduced, clean } = tally;
  const judged = reproduced + clean;
  const complete = judged >= plan.trials;
  return {
    type: typeOf(tally, complete),
    judged,
    ...(complete
      ? wilsonInterval(reproduced, judged, deviationsFor(plan.confidence))
      : anytimeInterval(reproduced, judged, plan.confidence)),
    interval: complete ? "wilson" : "anytime",
  };
}

/** The verdict of a cell that may not have been had: what says nothing for that reason is our side's failure. */
export function verdictOfCell(tally: Tally, problem: string | undefined, plan: MatrixPlan): Verdict {
  const verdict = verdictOf(tally, plan);
  return problem !== undefined && verdict.type === "inconclusive"
    ? { ...verdict, type: "infra-error" }
    : verdict;
}

function typeOf(tally: Tally, complete: boolean): VerdictType {
  if (tally.reproduced > 0) return tally.clean > 0 ? "fails-sometimes" : complete ? "fails-always" : "fails";
  if (complete) return "not-seen";
  return tally["infra-error"] > 0 && tally.clean + tally.inconclusive === 0 ? "infra-error" : "inconclusive";
}

/**
 * How many cells came to what, in words.
 *
 * @example countVerdicts(["fails", "fails-always", "not-seen"]) // "2 fail, 1 not seen"
 */
export function countVerdicts(verdicts: readonly VerdictType[]): string {
  const counts = new Map<string, number>();
  for (const type of verdicts) {
    const word = type.startsWith("fails") ? "fail" : type.replace("not-", "not ");
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ");
}

/**
 * The exit code of a matrix: 1 when some cell fails; else 0 when all were clean throughout, 70 when there were
 * infra-errors only, and 125 when some cell is undecided.
 */
export function matrixExitCode(verdicts: readonly VerdictType[]): number {
  if (verdicts.some((type) => type.startsWith("fails"))) return exitCode.reproduced;
  if (verdicts.every((type) => type === "not-seen")) return exitCode.clean;
  return verdicts.every((type) => type === "infra-error") ? exitCode.infraError : exitCode.inconclusive;
}
