import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BisectWorld, bisect, type TestedTrial } from "../../src/campaign/bisect/bisect.ts";
import { chooseTest } from "../../src/campaign/bisect/choose.ts";
import { conclude } from "../../src/campaign/bisect/conclude.ts";
import { linearHistory, mergedHistory } from "../../src/campaign/bisect/history.ts";
import { initialBelief, type Observation, observe } from "../../src/campaign/bisect/posterior.ts";
import { seededRandom } from "../../src/campaign/bisect/random.ts";
import { parseRange, sliceVersions } from "../../src/campaign/bisect/range.ts";
import { capacity, knownRate, RateTable, unknownRate } from "../../src/campaign/bisect/rates.ts";
import { gitBisectBaseline, simulate } from "../../src/campaign/bisect/simulate.ts";
import { severalSwitches } from "../../src/campaign/bisect/switches.ts";
import { leastMultiple, leastSeconds, yardstick } from "../../src/campaign/bisect/theory.ts";
import { compareVersions } from "../../src/runtime/version.ts";

const row = (count: number) =>
  Array.from({ length: count + 1 }, (_, index) => ({
    name: `${index}`,
    parents: index === 0 ? [] : [index - 1],
  }));

function world(
  outcome: (candidate: number) => TestedTrial["outcome"],
  unbuildable: number[] = [],
): BisectWorld {
  const skips = new Map<number, string>();
  return {
    past: () => [],
    skipped: (candidate) => skips.get(candidate),
    skip: (candidate, reason) => void skips.set(candidate, reason),
    built: (candidate) => !unbuildable.includes(candidate),
    trial: async (candidate) => ({ outcome: outcome(candidate), summary: "", evidence: "" }),
  };
}

const plan = { prior: unknownRate(), confidence: 0.99, budget: 300, seconds: { build: 1, trial: 1 } };

describe("the posterior", () => {
  test("is Bayes' rule, summed by hand over places and rates", () => {
    const observation = fc.record({
      test: fc.nat({ max: 6 }),
      outcome: fc.constantFrom<Observation["outcome"]>("clean", "reproduced"),
    });
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 12 }), (observations) => {
        const prior = unknownRate();
        let belief = initialBelief(linearHistory(6), new RateTable(prior));
        for (const seen of observations) belief = observe(belief, seen);
        const byHand = Array.from({ length: 8 }, (_, first) =>
          prior.rates.reduce((sum, rate, index) => {
            const likelihood = observations.reduce((product, { test, outcome }) => {
              const shows = first <= test ? rate : 0;
              return product * (outcome === "clean" ? 1 - shows : shows);
            }, 1);
            return sum + likelihood * (prior.weights[index] ?? 0);
          }, 0),
        );
        const sum = byHand.reduce((total, value) => total + value, 0);
        for (const [first, value] of byHand.entries())
          expect(belief.probability[first]).toBeCloseTo(sum === 0 ? 0 : value / sum, 9);
      }),
    );
  });

  test("takes merged history as git does: a side branch says nothing of the other", () => {
    // 1 and 2 branch off the good end, 3 merges them.
    const history = mergedHistory([[], [0], [0], [1, 2]]);
    let belief = initialBelief(history, new RateTable(knownRate(1)));
    belief = observe(belief, { test: 1, outcome: "clean" });
    belief = observe(belief, { test: 3, outcome: "reproduced" });
    expect([...belief.probability]).toEqual([0, 0, 0.5, 0.5, 0]);
  });
});

describe("the policy", () => {
  test.each([
    { rate: 1, known: true, most: 1.01, runs: 100 },
    { rate: 0.5, known: true, most: 1.15, runs: 400 },
    { rate: 0.2, known: true, most: 1.15, runs: 300 },
    { rate: 0.05, known: true, most: 1.2, runs: 60 },
    { rate: 1, known: false, most: 1.75, runs: 150 },
    { rate: 0.5, known: false, most: 1.8, runs: 300 },
    { rate: 0.2, known: false, most: 1.8, runs: 150 },
  ])("names the right one of 1,024 candidates near what theory allows: $rate, $known", (options) => {
    const { right, timesYardstick } = simulate({ ...options, candidates: 1024, confidence: 0.99, seed: 3 });
    expect(right.rate).toBeGreaterThanOrEqual(0.98);
    expect(timesYardstick).toBeLessThan(options.most);
  });

  test("needs at most 0.6 of the trials of git bisect run with repeats, at rate 0.2", () => {
    const plan = { candidates: 1024, rate: 0.2, confidence: 0.99 };
    const git = gitBisectBaseline({ ...plan, seconds: { build: 0, trial: 1 } });
    const ours = simulate({ ...plan, known: true, runs: 200, seed: 5 });
    expect(ours.trials / git.trials).toBeLessThan(0.6);
  });

  test("spends hardly more builds than there are bits to learn, and less time for it", () => {
    const seconds = { build: 240, trial: 20 };
    const plan = { candidates: 1024, rate: 0.2, confidence: 0.99, seconds };
    const ours = simulate({ ...plan, known: true, runs: 60, seed: 5 });
    expect(ours.builds).toBeLessThan(11.5);
    const floor = leastSeconds(plan);
    expect(ours.seconds).toBeGreaterThan(floor);
    expect(ours.seconds).toBeLessThan(1.25 * floor);
  });

  test("starts at the bad end while nothing is known of the rate, unless that cannot be tried", () => {
    const belief = initialBelief(linearHistory(8), new RateTable(unknownRate()));
    expect(chooseTest(belief)).toBe(8);
    expect(chooseTest(belief, { testable: Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1, 0) })).toBeLessThan(8);
  });

  test("halves what is left when failures are certain, and goes round what cannot be tried", () => {
    const belief = initialBelief(linearHistory(14), new RateTable(knownRate(1)));
    expect(chooseTest(belief)).toBe(7);
    const testable = new Uint8Array(15).fill(1);
    testable[7] = 0;
    expect([6, 8]).toContain(chooseTest(belief, { testable }));
  });

  test("stays with a built candidate while a new one costs much, and leaves it for a cheap one", () => {
    const belief = initialBelief(linearHistory(64), new RateTable(knownRate(0.5)));
    const choice = (cost: number) => {
      const build = new Float64Array(65).fill(cost);
      build[20] = 0;
      return chooseTest(belief, { seconds: { trial: 1, build } });
    };
    expect(choice(50)).toBe(20);
    expect(choice(0.01)).not.toBe(20);
  });

  test("asks for a little more than the confidence, so that it holds at every rate", () => {
    let belief = initialBelief(linearHistory(1), new RateTable(knownRate(0.005)));
    belief = observe(belief, { test: 1, outcome: "reproduced" });
    while (conclude(belief, { confidence: 0.99 }).type === "open")
      belief = observe(belief, { test: 0, outcome: "clean" });
    expect(belief.probability[1]).toBeGreaterThan(0.992);
    expect(belief.probability[1]).toBeLessThan(0.9921);
  });
});

test.each([
  { rate: 1, repeats: 1, trials: 10 },
  { rate: 0.5, repeats: 9, trials: 54.98 },
  { rate: 0.2, repeats: 28, trials: 164.95 },
])("git bisect run needs $repeats repeats, cut short when one fails, at rate $rate", (expected) => {
  const plan = { candidates: 1024, confidence: 0.99, seconds: { build: 240, trial: 20 } };
  const git = gitBisectBaseline({ ...plan, rate: expected.rate });
  expect(git.repeats).toBe(expected.repeats);
  expect(git.trials).toBeCloseTo(expected.trials, 1);
  expect(git.right).toBeGreaterThanOrEqual(0.99);
  expect(git.seconds).toBeCloseTo(2400 + 20 * git.trials, 6);
  expect(git.secondsWithoutEarlyStop).toBe(2400 + 200 * git.repeats);
});

describe("the theory", () => {
  test("has the yardstick of the Z-channel", () => {
    expect([1, 0.5, 0.2, 0.05].map((rate) => Math.round(yardstick(1024, rate)))).toEqual([10, 31, 88, 371]);
  });

  test("knows a rate that is as far from every rate as from none: the capacity, in bits", () => {
    const divergence = (q: number, p: number) =>
      (q === 0 ? 0 : q * Math.log2(q / p)) + (q === 1 ? 0 : (1 - q) * Math.log2((1 - q) / (1 - p)));
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 1, noNaN: true }), (rate) => {
        const other = 1 - 2 ** -capacity(rate);
        expect(divergence(rate, other)).toBeCloseTo(capacity(rate), 9);
        expect(divergence(0, other)).toBeCloseTo(capacity(rate), 9);
      }),
    );
  });

  test("allows no policy less than 1.5 times the yardstick with the rate unknown", () => {
    expect(leastMultiple(1024, 0.99)).toBeCloseTo(1.497, 2);
  });

  test("expects of a block of trials what Bayes' rule gives one by one", () => {
    const table = new RateTable(unknownRate());
    const single = table.block(2, 9, 1);
    const block = table.block(2, 5, 4);
    let [quiet, trials] = [1, 0];
    for (let clean = 5; clean < 9; clean += 1) {
      trials += quiet;
      quiet *= 1 - (single.shows[clean] ?? 0);
      expect(single.shows[clean]).toBeCloseTo(table.row(2, 9).rate[clean] ?? 0, 9);
    }
    expect(block.shows[5]).toBeCloseTo(1 - quiet, 9);
    expect(block.trials[5]).toBeCloseTo(trials, 9);
  });
});

describe("a bisection", () => {
  test("finds the first bad candidate of a flaky failure", async () => {
    const random = seededRandom(4);
    const result = await bisect(
      { ...plan, candidates: row(20) },
      world((candidate) => (candidate >= 13 && random() < 0.4 ? "reproduced" : "clean")),
    );
    expect(result.conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [13] } });
  });

  test.each([
    ["the good end is bad already", (): TestedTrial["outcome"] => "reproduced", "good-is-bad"],
    ["the ends do not differ", (): TestedTrial["outcome"] => "clean", "ends-agree"],
  ] as const)("says that %s", async (_, outcome: () => TestedTrial["outcome"], type) => {
    const result = await bisect({ ...plan, prior: knownRate(0.5), candidates: row(8) }, world(outcome));
    expect(result.conclusion.type).toBe(type);
  });

  test("finds the first candidate that is mended, when the left end is the bad one", async () => {
    const random = seededRandom(4);
    const result = await bisect(
      { ...plan, direction: "mended", candidates: row(20) },
      world((candidate) => (candidate < 13 && random() < 0.4 ? "reproduced" : "clean")),
    );
    expect(result.conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [13] } });
    expect(result.probability[13]).toBeGreaterThan(0.99);
  });

  test("takes a commit for mended only when the one that mended is among its ancestors", async () => {
    // 3 mends, on a branch beside 1 and 2; 4 merges both.
    const parents = [[], [0], [1], [0], [2, 3], [4]];
    const result = await bisect(
      { ...plan, direction: "mended", candidates: parents.map((list) => ({ name: "", parents: list })) },
      world((candidate) => ([0, 1, 2].includes(candidate) ? "reproduced" : "clean")),
    );
    expect(result.conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [3] } });
  });

  test.each([
    ["broke", (candidate: number) => candidate < 5],
    ["mended", (candidate: number) => candidate >= 5],
  ] as const)(
    "asked in the wrong direction for what %s it, says so after a few trials",
    async (direction, isBad) => {
      const result = await bisect(
        { ...plan, direction, candidates: row(8) },
        world((candidate) => (isBad(candidate) ? "reproduced" : "clean")),
      );
      expect(result.conclusion.type).toBe("good-is-bad");
      expect(result.newTrials).toBeLessThanOrEqual(4);
    },
  );

  test("names what cannot be told apart when a candidate's trials fail on our side", async () => {
    const result = await bisect(
      { ...plan, candidates: row(8) },
      world((candidate) => (candidate === 4 ? "infra-error" : candidate >= 4 ? "reproduced" : "clean")),
    );
    expect(result.conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [4, 5] } });
  });

  test("passes over a candidate whose trials cannot be judged, where others can", async () => {
    const result = await bisect(
      { ...plan, candidates: row(8) },
      world((candidate) => (candidate === 4 ? "inconclusive" : candidate >= 4 ? "reproduced" : "clean")),
    );
    expect(result.conclusion).toMatchObject({ type: "found", suspects: { hypotheses: [4, 5] } });
  });

  test("learns nothing from trials that could not be judged, and stops at its budget", async () => {
    const result = await bisect(
      { ...plan, budget: 7, candidates: row(8) },
      world(() => "inconclusive"),
    );
    expect(result).toMatchObject({
      newTrials: 7,
      stopped: "budget",
      observations: [],
      conclusion: { type: "open" },
    });
  });

  test("goes on from earlier trials without repeating them", async () => {
    const deterministic = world((candidate) => (candidate >= 3 ? "reproduced" : "clean"));
    const done: TestedTrial = { outcome: "reproduced", summary: "", evidence: "" };
    const past = (candidate: number): TestedTrial[] =>
      candidate === 3
        ? Array(8).fill(done)
        : candidate === 2
          ? Array(8).fill({ ...done, outcome: "clean" })
          : [];
    const result = await bisect({ ...plan, candidates: row(8) }, { ...deterministic, past });
    expect(result).toMatchObject({ newTrials: 0, stopped: "concluded" });
  });

  test("notices a history that was mended and broken again", () => {
    const seen: Observation[] = [];
    for (let round = 0; round < 9; round += 1)
      seen.push(
        { test: 2, outcome: "reproduced" },
        { test: 5, outcome: "clean" },
        { test: 8, outcome: "reproduced" },
      );
    expect(severalSwitches(8, seen, unknownRate())).toBeGreaterThan(0.99);
    expect(
      severalSwitches(
        8,
        seen.filter(({ test }) => test !== 2),
        unknownRate(),
      ),
    ).toBeLessThan(0.05);
  });
});

describe("a range", () => {
  test.each(["20.9.0", "a..b..c", "..b", "a..", "a...b", "a..a"])("is not %s", (text) => {
    expect(() => parseRange(text)).toThrow(/no range|empty/);
  });

  test("has both ends known and in order", () => {
    const options = { what: "Node", compare: compareVersions, near: () => ["20.1.0"] };
    const known = ["20.10.0", "20.2.0", "20.1.0"];
    expect(sliceVersions({ left: "20.1.0", right: "20.10.0" }, known, options)).toEqual([
      "20.1.0",
      "20.2.0",
      "20.10.0",
    ]);
    expect(() => sliceVersions({ left: "20.10.0", right: "20.2.0" }, known, options)).toThrow(/reversed/);
    expect(() => sliceVersions({ left: "20.1.0", right: "20.3.0" }, known, options)).toThrow(/no place/);
  });
});

test("concludes nothing before any trial", () => {
  expect(
    conclude(initialBelief(linearHistory(5), new RateTable(unknownRate())), { confidence: 0.99 }).type,
  ).toBe("open");
});
