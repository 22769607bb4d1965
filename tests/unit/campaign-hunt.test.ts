import { describe, expect, test } from "vitest";
import { hunt, movesOf } from "../../src/campaign/hunt.ts";
import type { Moves } from "../../src/machine/argv.ts";
import { renderHunt } from "../../src/report/hunt.ts";
import type { Outcome } from "../../src/repro/outcome.ts";
import type { TrialResult } from "../../src/repro/trial.ts";

/** Trials that come out as told, and how each was moved. */
function trials(...outcomes: Outcome[]): { run: (moves: Moves) => Promise<TrialResult>; seen: Moves[] } {
  const seen: Moves[] = [];
  const run = async (moves: Moves): Promise<TrialResult> => {
    const outcome = outcomes[seen.push(moves) - 1] ?? "clean";
    return {
      repro: "x",
      cell: { kernel: "6.1.115", node: undefined, env: {}, image: "debian", axes: {} },
      outcome,
      summary: `it is ${outcome}`,
      columns: {},
      observation: undefined,
      versions: {},
      startedAt: "2026-11-27T06:00:00.000Z",
      took: 1000,
      evidence: `/logs/${seen.length}`,
      collected: [],
      ...(outcome === "reproduced"
        ? { recorded: { folder: "/r", logBytes: 55 * 2 ** 20, diskBytes: 2 ** 20 } }
        : {}),
    };
  };
  return { run, seen };
}

describe("a hunt", () => {
  test("tries one seed after the other, and ends with the first that fails", async () => {
    const { run, seen } = trials("clean", "inconclusive", "reproduced", "clean");
    const ended: number[] = [];
    const hunted = await hunt(run, { trials: 9, seed: 5, ended: ({ seed }) => ended.push(seed) });
    expect(ended).toEqual([5, 6, 7]);
    expect(seen).toEqual([5, 6, 7].map(movesOf));
    expect(hunted.found?.recorded?.folder).toBe("/r");
    expect(hunted).toMatchObject({ next: 8, rate: { reproduced: 1, judged: 2, rate: 0.5 } });
    expect(renderHunt(hunted)).toMatchInlineSnapshot(`
      "seed 7 fails: it is reproduced
      1 of 2 trials reproduced: 50 %, in truth 9 % to 91 % (95 %); 1 could not be judged
        shift 1: no trial could be judged
        shift 3: 0 of 1 trials reproduced: 0 %, in truth 0 % to 79 % (95 %)
        shift 4: 1 of 1 trials reproduced: 100 %, in truth 21 % to 100 % (95 %)
      recorded: 55.0 MiB and 1.0 MiB of disks; run it again: dstate replay /logs/3
      go on with --seed 8"
    `);
  });

  test("ends after its trials, and says how rare it may still be", async () => {
    const { run } = trials();
    const hunted = await hunt(run, { trials: 40, seed: 0 });
    expect(hunted).toMatchObject({ found: undefined, next: 40, rate: { reproduced: 0, judged: 40 } });
    expect(renderHunt(hunted)).toMatch(/^no seed of 40 fails\n0 of 40 .* 0 % to 9 % \(95 %\)\n/);
  });

  test("gives up when the host spoils three trials in a row, and not before", async () => {
    const spoilt = "infra-error" as const;
    const { run, seen } = trials(spoilt, spoilt, "clean", spoilt, spoilt, spoilt);
    const hunted = await hunt(run, { trials: 20, seed: 1 });
    expect(seen).toHaveLength(6);
    expect(hunted.rate.judged).toBe(1);
  });

  test("moves each seed otherwise, and a seed always alike", () => {
    const many = Array.from({ length: 40 }, (_, seed) => JSON.stringify(movesOf(seed)));
    expect(new Set(many).size).toBe(40);
    expect(movesOf(12)).toEqual(movesOf(12));
    expect(new Set([0, 1, 2, 3].map((seed) => movesOf(seed).shift)).size).toBe(4);
  });
});
