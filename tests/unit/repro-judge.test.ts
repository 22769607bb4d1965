import { describe, expect, test } from "vitest";
import { AuthorError } from "../../src/repro/author-error.ts";
import { judgeTrial } from "../../src/repro/judge.ts";

interface Seen {
  readonly bug: boolean;
  readonly done: boolean;
}
const judges = {
  signature: (seen: Seen) => seen.bug,
  healthy: (seen: Seen) => seen.done,
  summary: () => "it went on",
};
/** What a file without type checking hands over. */
const wrong = (changes: object): typeof judges => ({ ...judges, ...changes });

/** What an author is told. */
function mistake(changes: object, seen: unknown = { bug: false, done: true }): AuthorError {
  try {
    judgeTrial("mine", wrong(changes), seen as Seen);
  } catch (error) {
    if (error instanceof AuthorError) return error;
    throw error;
  }
  throw new Error("nothing was wrong");
}

describe("a trial that is judged", () => {
  test("says so when the signature and health both hold", () => {
    expect(judgeTrial("mine", judges, { bug: true, done: true })).toMatchObject({
      outcome: "reproduced",
      summary: "it went on (healthy holds too)",
    });
    expect(judgeTrial("mine", judges, { bug: true, done: false }).summary).toBe("it went on");
  });

  test("is reproduced also where `healthy` does not understand what a failed trial saw", () => {
    const narrow = wrong({
      healthy: () => {
        throw new TypeError("no last round");
      },
    });
    expect(judgeTrial("mine", narrow, { bug: true, done: false }).outcome).toBe("reproduced");
  });

  test.each(["signature", "healthy", "summary", "columns"] as const)(
    "stops with the author's mistake when `%s` throws, and keeps what was seen",
    (part) => {
      const seen = { bug: false, done: true };
      const error = mistake({ [part]: () => JSON.parse("{") }, seen);
      expect(error.message).toMatch(new RegExp(`^\`${part}\` of the repro "mine" threw SyntaxError: `));
      expect(error.problem.place?.file).toMatch(/repro-judge\.test\.ts$/);
      expect(error.observation).toBe(seen);
      expect(error.exitCode).toBe(2);
    },
  );

  test.each<[object, string]>([
    [
      { signature: () => undefined },
      '`signature` of the repro "mine" returned undefined; expected true or false',
    ],
    [
      { healthy: async () => true },
      '`healthy` of the repro "mine" returned a promise; expected true or false',
    ],
    [{ summary: () => 7 }, '`summary` of the repro "mine" returned a value of type number; expected a text'],
    [{ columns: () => ["a"] }, '`columns` of the repro "mine" returned a list; expected texts by column'],
    [
      { columns: () => ({ rounds: 7 }) },
      '`columns` of the repro "mine" returned a value of type number as "rounds"; expected texts',
    ],
  ])("stops when %o returns what cannot be used", (changes, sentence) => {
    expect(mistake(changes).message).toContain(sentence);
  });

  test("stops when what it saw cannot be saved", () => {
    const circle: { self?: object } = {};
    circle.self = circle;
    expect(mistake({}, circle).message).toContain(
      '`trial` of the repro "mine" returned what cannot be saved (Converting circular structure to JSON); expected plain data',
    );
  });
});
