import type { Confirmation } from "../campaign/bisect/confirm.ts";
import type { OtherFailure } from "../campaign/bisect/other-failures.ts";

/** What is known of an answer beside its probability. */
export interface AnswerFacts {
  readonly confirmation?: Confirmation | undefined;
  /** Whether its kernel is its parent's, to the bit. */
  readonly sameAsParent?: boolean | undefined;
  readonly others: readonly OtherFailure[];
}

/** What is known of an answer, and what else the trials showed, in sentences. */
export function describeAnswer({ confirmation, sameAsParent, others }: AnswerFacts): string[] {
  return [
    ...(sameAsParent === true
      ? [
          "But its kernel is the same, to the bit, as its parent's: it changed nothing, and the answer is noise. Run more trials with a higher --confidence.",
        ]
      : []),
    ...(confirmation ? [describeConfirmation(confirmation)] : []),
    ...others.map(
      ({ title, trials, candidates, evidence }) =>
        `Another failure, which counts for nothing here: "${title}" in ${trials === 1 ? "1 trial" : `${trials} trials`} of ${candidates.join(", ")}; evidence: ${evidence}`,
    ),
  ];
}

function describeConfirmation(confirmation: Confirmation): string {
  const trials = confirmation.trials === 1 ? "1 trial" : `${confirmation.trials} trials`;
  switch (confirmation.type) {
    case "confirmed":
      return `Confirmed in ${trials}: with it taken back, the right end is as it was before.`;
    case "refuted":
      return `Not confirmed, in ${trials}: with it taken back, the right end is what it was. It is not this one alone.`;
    case "open":
      return `It could not be confirmed by taking it back on the right end: ${confirmation.why}`;
  }
}
