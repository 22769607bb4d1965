import { UsageError } from "../base/errors.ts";
import { blameFor, describeProblem, type Problem } from "./problem.ts";

/** A function of a repro's definition, as its author knows it. */
export type AuthorsPart =
  | "trial"
  | "signature"
  | "healthy"
  | "summary"
  | "columns"
  | "check"
  | "prepare.key"
  | "prepare.make"
  | "npm"
  | "kernelFragments"
  | "nixosSystem";

export interface AuthorErrorOptions {
  readonly problem: Problem;
  /** What the trial had seen, where it is not the trial itself that is wrong. */
  readonly observation?: unknown;
  /** The folder of the trial that it ended. */
  readonly evidence?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A mistake in a repro's own code: its author's to mend, as a mistyped option is the user's. It is no trial and
 * counts as none, and everything that was to be run in the same repro stops.
 */
export class AuthorError extends UsageError {
  readonly problem: Problem;
  readonly observation: unknown;

  constructor(message: string, options: AuthorErrorOptions) {
    super(message, {
      next: "This is in the repro's own code: nothing is counted.",
      cause: options.cause,
      ...(options.evidence === undefined ? {} : { evidence: options.evidence }),
    });
    this.problem = options.problem;
    this.observation = options.observation;
  }

  /** The same error, with the folder of the trial that it ended. */
  savedIn(evidence: string): AuthorError {
    const { message, problem, observation, cause } = this;
    return new AuthorError(message, { problem, observation, cause, evidence });
  }
}

/**
 * Call a function of a repro's definition. Its author's mistake becomes an {@link AuthorError}; what dstate throws,
 * and what the host or the network did, stays as it is.
 *
 * @param observation what the trial had seen by then.
 * @example const isBad = ask("signature", id, () => signature(observation), observation);
 */
export function ask<Answer>(
  part: AuthorsPart,
  id: string,
  work: () => Answer,
  observation?: unknown,
): Answer {
  try {
    return work();
  } catch (error) {
    throw authored(part, id, error, observation);
  }
}

/** As {@link ask}, of a function that takes its time. */
export async function askAsync<Answer>(
  part: AuthorsPart,
  id: string,
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    throw authored(part, id, error);
  }
}

/**
 * The author's mistake of returning what cannot be used.
 *
 * @throws {AuthorError} always.
 */
export function refuseAnswer(
  part: AuthorsPart,
  id: string,
  wrong: { readonly expected: string; readonly found: string; readonly observation: unknown },
): never {
  const message = `\`${part}\` of the repro "${id}" returned ${wrong.found}; expected ${wrong.expected}`;
  const problem = { type: "TypeError", message, stack: [] };
  throw new AuthorError(message, { problem, observation: wrong.observation });
}

function authored(part: AuthorsPart, id: string, error: unknown, observation?: unknown): unknown {
  if (blameFor(error) === "ours") return error;
  const problem = describeProblem(error);
  const what =
    error instanceof Error ? `${problem.type}: ${problem.message}` : `${problem.message}, no error`;
  return new AuthorError(`\`${part}\` of the repro "${id}" threw ${what}`, {
    problem,
    observation,
    cause: error,
  });
}
