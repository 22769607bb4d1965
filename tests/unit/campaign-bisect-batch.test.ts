import { expect, test } from "vitest";
import { type BisectWorld, bisect, type TestedTrial } from "../../src/campaign/bisect/bisect.ts";
import { seenRate } from "../../src/campaign/bisect/learned-rate.ts";
import { seededRandom } from "../../src/campaign/bisect/random.ts";
import { unknownRate } from "../../src/campaign/bisect/rates.ts";
import { priorOf } from "../../src/campaign/bisect/run.ts";

const row = Array.from({ length: 33 }, (_, index) => ({
  name: `${index}`,
  parents: index === 0 ? [] : [index - 1],
}));

/** Bisect some histories; how often several trials were started at once, and how many at the most. */
async function runs(options: { jobs: number; rate: number; built?: BisectWorld["built"] }) {
  const random = seededRandom(11);
  const sum = { trials: 0, rounds: 0, right: 0, most: 0, mostBuilds: 0 };
  for (let run = 0; run < 8; run += 1) {
    const truth = 1 + Math.floor(random() * 32);
    const built = new Set<number>();
    let running = 0;
    const building: number[] = [];
    const isBuilt = (candidate: number): boolean =>
      built.has(candidate) || (options.built?.(candidate) ?? true);
    const result = await bisect(
      {
        candidates: row,
        prior: unknownRate(),
        confidence: 0.99,
        budget: 1000,
        seconds: { build: 1, trial: 1 },
        jobs: options.jobs,
      },
      {
        past: () => [],
        skipped: () => undefined,
        skip: () => {},
        built: isBuilt,
        trial: async (candidate): Promise<TestedTrial> => {
          running += 1;
          if (running === 1) sum.rounds += 1;
          if (!isBuilt(candidate)) building.push(candidate);
          sum.most = Math.max(sum.most, running);
          sum.mostBuilds = Math.max(sum.mostBuilds, new Set(building).size);
          const outcome = candidate >= truth && random() < options.rate ? "reproduced" : "clean";
          await Promise.resolve();
          running -= 1;
          building.length = 0;
          built.add(candidate);
          return { outcome, summary: "", evidence: "" };
        },
      },
    );
    sum.trials += result.newTrials;
    const { conclusion } = result;
    if (conclusion.type === "found" && conclusion.suspects.hypotheses[0] === truth) sum.right += 1;
  }
  return sum;
}

test.each([1, 0.5])(
  "two trials at a time need little more than half of the rounds, and find the same, at rate %f",
  async (rate) => {
    const [one, two] = [await runs({ jobs: 1, rate }), await runs({ jobs: 2, rate })];
    expect([one.most, two.most]).toEqual([1, 2]);
    expect(two.rounds / one.rounds).toBeLessThan(0.65);
    expect(two.trials / one.trials).toBeLessThan(1.2);
    expect(Math.min(one.right, two.right)).toBeGreaterThanOrEqual(7);
  },
  60_000,
);

test("of the trials of a round only one candidate is built", async () => {
  const { most, mostBuilds, right } = await runs({ jobs: 4, rate: 0.5, built: () => false });
  expect([most > 1, mostBuilds]).toEqual([true, 1]);
  expect(right).toBeGreaterThanOrEqual(7);
});

test("the rate is learned from the trials after a cell's first reproduction, and from no cell of the range", () => {
  const trials = [
    ["a", "clean"],
    ["a", "reproduced"],
    ["b", "clean"],
    ["a", "reproduced"],
    ["a", "inconclusive"],
    ["a", "clean"],
    ["c", "reproduced"],
    ["c", "reproduced"],
  ].map(([cell = "", outcome]) => ({ cell, outcome: outcome as TestedTrial["outcome"] }));
  expect(seenRate(trials)).toEqual({ reproduced: 2, clean: 1 });
  expect(seenRate(trials, new Set(["c"]))).toEqual({ reproduced: 1, clean: 1 });
  expect(seenRate(trials, new Set(["a", "c"]))).toBeUndefined();
});

test("what was learned is a hint of at most twenty trials, and never hides a clean one", () => {
  const many = (outcome: TestedTrial["outcome"], count: number) =>
    Array.from({ length: count }, () => ({ cell: "a", outcome }));
  expect(seenRate(many("reproduced", 401))).toEqual({ reproduced: 20, clean: 0 });
  expect(seenRate([...many("reproduced", 400), ...many("clean", 1)])).toEqual({ reproduced: 20, clean: 1 });
});

test("a rate that was given counts, then one that was learned", () => {
  const mean = ({ rates, weights }: ReturnType<typeof priorOf>): number =>
    rates.reduce((sum, rate, index) => sum + rate * (weights[index] ?? 0), 0);
  expect(mean(priorOf({ rate: 0.3, learned: { reproduced: 9, clean: 0 } }))).toBeCloseTo(0.3);
  expect(mean(priorOf({ learned: { reproduced: 2, clean: 8 } }))).toBeLessThan(0.35);
  expect(mean(priorOf({ learned: { reproduced: 9, clean: 0 } }))).toBeGreaterThan(0.95);
  expect(mean(priorOf({}))).toBeCloseTo(mean(unknownRate()));
});
