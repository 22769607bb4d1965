import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InfraError, UsageError } from "../../src/base/errors.ts";
import { anytimeInterval } from "../../src/campaign/matrix/anytime.ts";
import { driveMatrix, type MatrixRow, type MatrixWorld } from "../../src/campaign/matrix/drive.ts";
import {
  type CellProgress,
  isOpen,
  type MatrixPlan,
  matrixExitCode,
  nextCell,
  noTrials,
  verdictOf,
} from "../../src/campaign/matrix/matrix.ts";
import { deviationsFor } from "../../src/campaign/matrix/wilson.ts";
import type { Cell } from "../../src/lab/cell.ts";
import type { Outcome } from "../../src/repro/outcome.ts";

const plan: MatrixPlan = { trials: 5, confidence: 0.95, full: false };
const none = { inconclusive: 0, infraErrors: 0 };

describe("verdicts", () => {
  test.each([
    [{ clean: 5 }, "not-seen", false],
    [{ clean: 4 }, "inconclusive", true],
    [{ reproduced: 5 }, "fails-always", false],
    [{ reproduced: 4 }, "fails", true],
    [{ reproduced: 1, clean: 1 }, "fails-sometimes", false],
    [{ reproduced: 3, clean: 2 }, "fails-sometimes", false],
    [{ "infra-error": 3 }, "infra-error", true],
    [{ "infra-error": 3, inconclusive: 1 }, "inconclusive", true],
    [{ clean: 9 }, "not-seen", false],
  ] as const)("%j is %s, and more trials could change that: %s", (seen, type, open) => {
    const tally = { ...noTrials, ...seen };
    expect(verdictOf(tally, plan).type).toBe(type);
    expect(isOpen({ tally, wasted: none, state: "ready" }, plan)).toBe(open);
  });

  test("a cell that is done keeps its verdict whatever more trials show, up to as many as were asked for", () => {
    const outcomes = fc.array(fc.constantFrom("reproduced" as const, "clean" as const), { maxLength: 12 });
    fc.assert(
      fc.property(outcomes, fc.integer({ min: 1, max: 12 }), (list, trials) => {
        const own = { ...plan, trials };
        let tally = noTrials;
        let verdict: string | undefined;
        for (const outcome of list.slice(0, trials)) {
          tally = { ...tally, [outcome]: tally[outcome] + 1 };
          verdict ??= isOpen({ tally, wasted: none, state: "ready" }, own)
            ? undefined
            : verdictOf(tally, own).type;
        }
        if (verdict !== undefined) expect(verdictOf(tally, own).type).toBe(verdict);
      }),
    );
  });

  test("with --full a cell of both outcomes goes on to the end", () => {
    const tally = { ...noTrials, reproduced: 1, clean: 1 };
    expect(isOpen({ tally, wasted: none, state: "ready" }, { ...plan, full: true })).toBe(true);
    expect(verdictOf(tally, plan).interval).toBe("anytime");
    expect(verdictOf({ ...tally, clean: 4 }, plan).interval).toBe("wilson");
  });

  test.each([[{ inconclusive: 5, infraErrors: 0 }], [{ inconclusive: 0, infraErrors: 3 }]])(
    "a cell whose trials say nothing, %j, is given up",
    (wasted) => {
      expect(isOpen({ tally: noTrials, wasted, state: "ready" }, plan)).toBe(false);
    },
  );

  test.each([
    [["not-seen", "not-seen"], 0],
    [["not-seen", "fails-sometimes", "infra-error"], 1],
    [["not-seen", "infra-error"], 125],
    [["not-seen", "inconclusive"], 125],
    [["infra-error", "infra-error"], 70],
  ] as const)("%j ends with exit code %i", (types, code) => {
    expect(matrixExitCode(types)).toBe(code);
  });
});

describe("rates", () => {
  test.each([
    [0.95, 1.96],
    [0.99, 2.576],
    [0.5, 0.674],
  ])("%f of a normal distribution lies within %f deviations", (confidence, deviations) => {
    expect(deviationsFor(confidence)).toBeCloseTo(deviations, 3);
  });

  test("an interval of trials that stop at the first surprise holds the true rate in 95 % of all runs, whatever the rate", () => {
    for (const trials of [2, 3, 5, 10, 30]) {
      for (let rate = 0.01; rate < 1; rate += 0.01) {
        let held = 0;
        const end = (reproduced: number, clean: number, probability: number): void => {
          const { low, high } = anytimeInterval(reproduced, reproduced + clean, 0.95);
          if (low <= rate && rate <= high) held += probability;
        };
        end(trials, 0, rate ** trials);
        end(0, trials, (1 - rate) ** trials);
        for (let first = 1; first < trials; first += 1) {
          end(1, first, (1 - rate) ** first * rate);
          end(first, 1, rate ** first * (1 - rate));
        }
        expect(held).toBeGreaterThan(0.95);
      }
    }
  });
});

test("the next trial is for the ready cell that is known least, and none is started that is not needed", () => {
  const cell = (clean: number, running: number, state: CellProgress["state"] = "ready"): CellProgress => ({
    tally: { ...noTrials, clean },
    wasted: none,
    running,
    state,
  });
  expect(nextCell([cell(2, 0), cell(1, 0), cell(0, 2), cell(0, 0, "waiting")], plan)).toBe(1);
  expect(nextCell([cell(1, 1), cell(2, 0)], plan)).toBe(0);
  expect(nextCell([cell(3, 2), cell(5, 0), cell(0, 0, "cannot-be-had")], plan)).toBeUndefined();
});

describe("a matrix", () => {
  const cells = (...kernels: string[]): Cell[] =>
    kernels.map((kernel) => ({ kernel, node: undefined, env: {}, image: "debian", axes: {} }));
  const trial = (outcome: Outcome) => ({ outcome, summary: outcome, evidence: "logs/x" });

  async function drive(
    list: readonly Cell[],
    world: Partial<MatrixWorld>,
    more: { jobs?: number; plan?: MatrixPlan } = {},
  ): Promise<{ rows: readonly MatrixRow[]; order: string[]; notes: string[] }> {
    const order: string[] = [];
    const notes: string[] = [];
    const rows = await driveMatrix(
      {
        cells: list,
        plan: more.plan ?? plan,
        jobs: more.jobs ?? 1,
        stop: new AbortController(),
        step: { update: () => {}, note: (text) => notes.push(text) },
      },
      {
        isHere: () => true,
        earlier: async () => [],
        provide: async () => {},
        ...world,
        run: async (cell, onlyWaits) => {
          order.push(cell.kernel);
          return (await world.run?.(cell, onlyWaits)) ?? trial("clean");
        },
      },
    );
    return { rows, order, notes };
  }

  test("goes round the cells, and stops in each as soon as its verdict is certain", async () => {
    const outcomes: Record<string, Outcome[]> = { b: ["reproduced", "clean"] };
    const { rows, order } = await drive(
      cells("a", "b", "c"),
      { run: async ({ kernel }) => trial(outcomes[kernel]?.shift() ?? "clean") },
      { plan: { ...plan, trials: 3 } },
    );
    expect(order.join("")).toBe("abcabcac");
    expect(rows.map(({ verdict }) => verdict.type)).toEqual(["not-seen", "fails-sometimes", "not-seen"]);
    expect(rows.every(({ open }) => !open)).toBe(true);
  });

  test("runs as many trials side by side as there are jobs, and a slow one holds up only its own place", async () => {
    const slow = Promise.withResolvers<void>();
    let [running, most, started] = [0, 0, 0];
    await drive(
      cells("a", "b"),
      {
        run: async () => {
          running += 1;
          started += 1;
          most = Math.max(most, running);
          // The first one of six ends when the last one starts.
          if (started === 6) slow.resolve();
          if (started === 1) await slow.promise;
          await Promise.resolve();
          running -= 1;
          return trial("clean");
        },
      },
      { jobs: 2, plan: { ...plan, trials: 3 } },
    );
    expect(most).toBe(2);
  });

  test("a kernel that has to be built holds up nobody, and one that cannot be built ends only its own cell", async () => {
    const othersDone = Promise.withResolvers<void>();
    let quick = 0;
    const { rows } = await drive(
      cells("to-build", "unbuildable", "here"),
      {
        isHere: ({ kernel }) => kernel === "here",
        provide: async ({ kernel }) => {
          if (kernel === "unbuildable") throw new InfraError("it does not compile");
          if (kernel === "to-build") await othersDone.promise;
        },
        run: async ({ kernel }) => {
          if (kernel === "here") quick += 1;
          if (quick === plan.trials) othersDone.resolve();
          return trial("clean");
        },
      },
      { jobs: 2 },
    );
    expect(rows.map(({ verdict, problem }) => [verdict.type, problem])).toEqual([
      ["not-seen", undefined],
      ["infra-error", "it does not compile"],
      ["not-seen", undefined],
    ]);
  });

  test("earlier trials count, those that said nothing do not, and a cell they decide needs nothing", async () => {
    const provided: string[] = [];
    const { rows, order, notes } = await drive(cells("decided", "begun"), {
      earlier: async ({ kernel }) =>
        kernel === "decided"
          ? [trial("reproduced"), trial("infra-error"), trial("clean")]
          : [trial("clean"), trial("inconclusive")],
      provide: async ({ kernel }) => {
        provided.push(kernel);
      },
    });
    expect(provided).toEqual(["begun"]);
    expect(order).toEqual(["begun", "begun", "begun", "begun"]);
    expect(rows.map(({ trials }) => trials.filter(({ earlier }) => earlier).length)).toEqual([2, 1]);
    expect(notes[0]).toBe("2 earlier trials count (--fresh: none): kernel decided");
  });

  test("a cell that is only troubled by infra-errors is left after three, and the others go on", async () => {
    const { rows, order } = await drive(cells("dead", "well"), {
      run: async ({ kernel }) => trial(kernel === "dead" ? "infra-error" : "clean"),
    });
    expect(order.filter((kernel) => kernel === "dead")).toHaveLength(3);
    expect(rows.map(({ verdict }) => verdict.type)).toEqual(["infra-error", "not-seen"]);
  });

  test("a user's mistake ends all of it", async () => {
    const provide = async ({ kernel }: Cell): Promise<void> => {
      if (kernel === "9.9.9") throw new UsageError("there is no such kernel");
    };
    await expect(drive(cells("6.1.129", "9.9.9"), { provide })).rejects.toThrow("there is no such kernel");
  });
});
