import { expect, test } from "vitest";
import { readLog, writeLog } from "../../src/campaign/bisect/log.ts";
import { recall } from "../../src/campaign/bisect/run.ts";
import { cellKey } from "../../src/campaign/cell-key.ts";
import { type Campaign, Ledger } from "../../src/campaign/ledger.ts";
import type { Outcome } from "../../src/repro/outcome.ts";

const trial = (cell: string, outcome: Outcome) => ({
  cell,
  outcome,
  summary: "it's so",
  evidence: "logs/x",
  startedAt: "2026-11-21T08:00:00.000Z",
  took: 20_000,
  ranBy: "matrix" as const,
});

const campaign: Campaign = {
  repro: "r",
  range: "node 1..3",
  confidence: 0.99,
  candidates: [0, 1, 2].map((index) => ({
    name: `${index}`,
    detail: "",
    cell: `cell-${index}`,
    parents: index === 0 ? [] : [index - 1],
  })),
};

test("a log replays to the same probabilities as the ledger it was written from", () => {
  using ledger = Ledger.inMemory();
  ledger.saveCampaign("abc", campaign);
  for (const outcome of ["reproduced", "clean", "inconclusive"] as const)
    ledger.addTrial("r", trial("cell-2", outcome));
  ledger.addTrial("r", trial("cell-1", "clean"));
  ledger.skip("cell-0", "it does not build");
  const { state } = readLog(writeLog(campaign, ledger));
  expect(ledger.findCampaign("ab")?.campaign).toEqual(campaign);
  expect(state.observations).toHaveLength(3);
  expect(state.testable[0]).toBe(0);
  expect([...state.belief.probability]).toEqual([...recall(campaign, ledger).belief.probability]);
});

test.each(["", "no json", '{"bisect":{}}', `${JSON.stringify({ bisect: campaign })}\n{"candidate":"9"}`])(
  "what is no log is refused: %s",
  (text) => {
    using ledger = Ledger.inMemory();
    expect(ledger.findCampaign()).toBeUndefined();
    expect(() => readLog(text)).toThrow(/log|first line|trial of this/);
  },
);

test("a cell keeps its name wherever a tree lies and in whatever order its environment is written", () => {
  const id = "a".repeat(40);
  const cell = {
    kernel: `git:/x@${id}`,
    node: "20.9.0",
    env: { A: "1", B: "2" },
    image: "debian",
    axes: {},
  } as const;
  expect(cellKey("r", cell)).toBe(cellKey("r", { ...cell, kernel: `git:/y@${id}`, env: { B: "2", A: "1" } }));
  expect(cellKey("r", cell)).not.toBe(cellKey("r", { ...cell, node: "20.8.0" }));
});
