import type { RunRecord, TrialRecord } from "../../record/run-record.ts";

/** What a trial is to a test runner. `error`: our side failed, or the trial did not get to its end. */
export type TestStatus = "passed" | "failed" | "skipped" | "error";

/**
 * A trial as a test: where the run said what to expect, that is what passes; else the failure that a report is about
 * is a failure, and its absence passes. A trial that could not be judged is skipped, never passed.
 *
 * @example statusOf({ outcome: "reproduced", expected: "reproduced", state: "ended" }) // "passed"
 */
export function statusOf({
  outcome,
  expected,
  state,
}: Pick<TrialRecord, "outcome" | "expected" | "state">): TestStatus {
  if (state !== "ended" || outcome === undefined) return "error";
  if (outcome === "infra-error" || outcome === "usage-error") return "error";
  if (expected !== undefined) return outcome === expected ? "passed" : "failed";
  if (outcome === "inconclusive") return "skipped";
  return outcome === "clean" || outcome === "passed" ? "passed" : "failed";
}

/** A trial as a test of a run. */
export interface TestCase {
  /** One for each trial, also where a cell is tried many times: attempts are kept. */
  readonly name: string;
  readonly suite: string;
  readonly status: TestStatus;
  /** What it came to, in a line. */
  readonly message: string;
  readonly trial: TrialRecord;
  /** Which attempt of its cell it is, counted from 1, and of how many. */
  readonly attempt: number;
  readonly attempts: number;
}

/** The trials of a run as tests. */
export function testCasesOf({ kind, about, trials }: RunRecord): TestCase[] {
  const seen = new Map<string, number>();
  const all = Map.groupBy(trials, ({ title }) => title);
  return trials.map((trial) => {
    const attempt = (seen.get(trial.title) ?? 0) + 1;
    seen.set(trial.title, attempt);
    const attempts = all.get(trial.title)?.length ?? 1;
    const outcome = trial.state === "ended" ? (trial.outcome ?? "ended") : "unfinished";
    const expected = trial.expected === undefined ? "" : ` (expected ${trial.expected})`;
    return {
      name: attempts === 1 ? trial.title : `${trial.title} (attempt ${attempt} of ${attempts})`,
      suite: `dstate.${kind}.${about}`,
      status: statusOf(trial),
      message: `${outcome}${expected}${trial.summary ? `: ${trial.summary}` : ""}`,
      trial,
      attempt,
      attempts,
    };
  });
}
