import { exitCode } from "../base/errors.ts";

/**
 * What one trial showed. `inconclusive`: the workload could not be judged. `infra-error`: our side or the
 * machine failed. Neither is ever counted as one of the other two.
 */
export type Outcome = "reproduced" | "clean" | "inconclusive" | "infra-error";

const exitCodes: Record<Outcome, number> = {
  clean: exitCode.clean,
  reproduced: exitCode.reproduced,
  inconclusive: exitCode.inconclusive,
  "infra-error": exitCode.infraError,
};

/** The exit code for an outcome, as `git bisect run` understands it. */
export function exitCodeOf(outcome: Outcome): number {
  return exitCodes[outcome];
}

/**
 * What several trials of one cell come to: one reproduction is a reproduction; clean only when every trial
 * was clean.
 */
export function worstOutcome(outcomes: readonly Outcome[]): Outcome {
  for (const outcome of ["reproduced", "infra-error", "inconclusive"] as const) {
    if (outcomes.includes(outcome)) return outcome;
  }
  return outcomes.length === 0 ? "inconclusive" : "clean";
}
