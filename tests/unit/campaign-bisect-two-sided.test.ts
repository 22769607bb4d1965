import { describe, expect, test } from "vitest";
import { bisect, type TestedTrial } from "../../src/campaign/bisect/bisect.ts";
import { linearHistory, mergedHistory } from "../../src/campaign/bisect/history.ts";
import { seededRandom } from "../../src/campaign/bisect/random.ts";
import { unknownRate } from "../../src/campaign/bisect/rates.ts";
import { simulateTwoSided } from "../../src/campaign/bisect/simulate-two-sided.ts";
import {
  chooseTwoSided,
  initialTwoSided,
  observeTwoSided,
  orderedRates,
} from "../../src/campaign/bisect/two-sided.ts";

const row = (count: number) =>
  Array.from({ length: count + 1 }, (_, index) => ({
    name: `${index}`,
    parents: index === 0 ? [] : [index - 1],
  }));

/** Bisect where a trial of a candidate reproduces in a share of its trials. */
async function bisected(count: number, rateOf: (candidate: number) => number, more = {}) {
  const random = seededRandom(11);
  return await bisect(
    {
      candidates: row(count),
      prior: unknownRate(),
      twoSided: true,
      confidence: 0.99,
      budget: 3000,
      seconds: { build: 0, trial: 1 },
      ...more,
    },
    {
      past: () => [],
      skipped: () => undefined,
      skip: () => {},
      built: () => true,
      trial: async (candidate): Promise<TestedTrial> => ({
        outcome: random() < rateOf(candidate) ? "reproduced" : "clean",
        summary: "",
        evidence: "",
      }),
    },
  );
}

describe("where good candidates fail too, only less often", () => {
  test("the first bad one is found, with both rates", async () => {
    const result = await bisected(30, (candidate) => (candidate >= 17 ? 0.7 : 0.1));
    expect(result.conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [17] } });
    expect(result.rate).toBeGreaterThan(0.5);
    expect(result.goodRate).toBeLessThan(0.3);
  });

  test("what mended it is found, too", async () => {
    const result = await bisected(30, (candidate) => (candidate >= 17 ? 0.05 : 0.6), { direction: "mended" });
    expect(result.conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [17] } });
  });

  test("ends that do not differ are told", async () => {
    const result = await bisected(6, () => 0.5, { confidence: 0.9 });
    expect(result.conclusion.type).toBe("ends-agree");
  });

  test("one reproduction at a candidate proves nothing", () => {
    const before = initialTwoSided(linearHistory(10));
    const after = observeTwoSided(before, { test: 2, outcome: "reproduced" });
    expect(after.probability[8]).toBeGreaterThan(0.01);
  });
});

test("the likelihood is that of Bayes' rule, summed over every pair of rates", () => {
  const rates = orderedRates();
  const none = { reproduced: 0, clean: 0 };
  const all = Math.exp(rates({ bad: none, good: none }).log);
  // Of any two rates the higher one is the bad one's: together they are twice as often on the bad side.
  const one = rates({ bad: { reproduced: 1, clean: 0 }, good: none });
  const other = rates({ bad: none, good: { reproduced: 1, clean: 0 } });
  expect(Math.exp(one.log) / all).toBeCloseTo(rates({ bad: none, good: none }).bad, 9);
  expect(Math.exp(other.log) / all).toBeCloseTo(rates({ bad: none, good: none }).good, 9);
  expect(one.log).toBeGreaterThan(other.log);
});

test("a row and the same row as a history with merges choose the same test", () => {
  const merged = mergedHistory([[], [0], [1], [0], [2, 3]]);
  const belief = observeTwoSided(initialTwoSided(merged), { test: 4, outcome: "reproduced" });
  expect(chooseTwoSided(belief)).toBeDefined();
  const linear = observeTwoSided(initialTwoSided(linearHistory(6)), { test: 6, outcome: "reproduced" });
  const covered = { ...linear, history: { ...linear.history, linear: false } };
  expect(chooseTwoSided(covered)).toBe(chooseTwoSided(linear));
});

test.each([
  [0.8, 0.2, 20],
  [0.2, 0.02, 8],
])(
  "in simulation, at %d against %d, it is right in 99 %% with no more trials than greedy entropy takes",
  (bad, good, runs) => {
    const plan = { candidates: 1024, bad, good, confidence: 0.99, runs, seed: 3 };
    const ours = simulateTwoSided({ ...plan, policy: "dstate" });
    const theirs = simulateTwoSided({ ...plan, policy: "greedy-entropy" });
    // One wrong answer in so few runs is within what 99 % allows.
    expect(ours.right.rate).toBeGreaterThanOrEqual(1 - 1 / runs);
    expect(ours.trials).toBeLessThan(theirs.trials * 1.05);
  },
  120_000,
);
