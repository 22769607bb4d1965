import { messageOf } from "../base/errors.ts";
import { ask, refuseAnswer } from "./author-error.ts";
import { toJson } from "./evidence.ts";
import type { Outcome } from "./outcome.ts";

/** The functions of a definition that say what an observation means. */
export interface Judges<Observation> {
  signature(observation: Observation): boolean;
  healthy(observation: Observation): boolean;
  summary(observation: Observation): string;
  columns?: ((observation: Observation) => Readonly<Record<string, string>>) | undefined;
}

/** An observation, judged. */
export interface JudgedTrial<Observation = unknown> {
  readonly outcome: Exclude<Outcome, "infra-error">;
  readonly summary: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly observation: Observation;
}

/**
 * Judge an observation: it must show the signature to count as reproduced, and must show health to count as
 * clean. What shows neither is inconclusive: another crash is another bug, and a trial that did not get to its
 * end says nothing.
 */
export function judge<Observation>(
  definition: Pick<Judges<Observation>, "signature" | "healthy">,
  observation: Observation,
): JudgedTrial["outcome"] {
  if (definition.signature(observation)) return "reproduced";
  return definition.healthy(observation) ? "clean" : "inconclusive";
}

/**
 * Judge an observation by the functions of a repro, and have it described. A summary says so when a trial shows both
 * the signature and health: that may be right, and may be a signature that is too wide.
 *
 * @throws {AuthorError} when one of the functions throws or returns what cannot be used, or when the observation is
 * no plain data.
 */
export function judgeTrial<Observation>(
  id: string,
  judges: Judges<Observation>,
  observation: Observation,
): JudgedTrial<Observation> {
  const asked = (part: "signature" | "healthy"): boolean => {
    const answer: unknown = ask(part, id, () => judges[part](observation), observation);
    if (typeof answer === "boolean") return answer;
    return refuseAnswer(part, id, { expected: "true or false", found: kindOf(answer), observation });
  };
  checkPlain(id, observation);
  const outcome = judge(
    { signature: () => asked("signature"), healthy: () => asked("healthy") },
    observation,
  );
  const summary: unknown = ask("summary", id, () => judges.summary(observation), observation);
  if (typeof summary !== "string")
    return refuseAnswer("summary", id, { expected: "a text", found: kindOf(summary), observation });
  const both = outcome === "reproduced" && isHealthyToo(judges, observation);
  return {
    outcome,
    summary: both ? `${summary} (healthy holds too)` : summary,
    columns: columnsOf(id, judges, observation),
    observation,
  };
}

/** `healthy` need not understand what a failed trial saw. */
function isHealthyToo<Observation>(judges: Judges<Observation>, observation: Observation): boolean {
  try {
    return judges.healthy(observation);
  } catch {
    return false;
  }
}

function columnsOf<Observation>(
  id: string,
  { columns }: Judges<Observation>,
  observation: Observation,
): Readonly<Record<string, string>> {
  if (!columns) return {};
  const answer: unknown = ask("columns", id, () => columns(observation), observation);
  const expected = "texts by column";
  if (typeof answer !== "object" || answer === null || Array.isArray(answer))
    return refuseAnswer("columns", id, { expected, found: kindOf(answer), observation });
  const texts: Record<string, string> = {};
  for (const [name, text] of Object.entries(answer)) {
    if (typeof text !== "string")
      refuseAnswer("columns", id, { expected, found: `${kindOf(text)} as "${name}"`, observation });
    texts[name] = text;
  }
  return texts;
}

/** What a trial saw is saved, so it must be what JSON can hold. */
function checkPlain(id: string, observation: unknown): void {
  try {
    toJson(observation);
  } catch (error) {
    const found = `what cannot be saved (${messageOf(error).split("\n")[0]})`;
    refuseAnswer("trial", id, { expected: "plain data", found, observation: undefined });
  }
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (value instanceof Promise) return "a promise";
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}
