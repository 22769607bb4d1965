import { expect, test } from "vitest";
import { chooseCell, describeCell } from "../../src/lab/cell.ts";
import { cellsOf } from "../../src/repro/cells.ts";
import { findRepro } from "../../src/repro/find.ts";
import { mixture, planOf } from "../clean/mixture.ts";
import { type HealthyTrial, lieOf, renderHealthy } from "../clean/tally.ts";

test("any beginning of a plan is a mixture by the cells' shares", () => {
  const [often, seldom] = [{ share: 3 }, { share: 1 }];
  const plan = planOf([often, seldom], 40);
  expect(plan.filter((each) => each === seldom)).toHaveLength(10);
  for (const length of [4, 12, 24])
    expect(plan.slice(0, length).filter((each) => each === seldom)).toHaveLength(length / 4);
});

test("every cell of the mixture has an own reason to be healthy: it is a control, or its kernel is no part of the bug", async () => {
  for (const { repro: id, choice } of mixture) {
    const { repro } = await findRepro(id);
    const { bad, control } = cellsOf(repro, {});
    const cell = chooseCell(repro.axes, choice);
    // Only io_uring's report is about the kernel.
    const alike = (other: typeof cell): string =>
      describeCell(id === "io-uring-dstate" ? other : { ...other, kernel: "any" });
    expect(bad.map(alike), describeCell(cell)).not.toContain(alike(cell));
    expect(control.map(alike), describeCell(cell)).toContain(alike(cell));
  }
});

const ended = (outcome: HealthyTrial["trial"]["outcome"], finished: boolean, took = 1000): HealthyTrial => ({
  name: "a cell",
  trial: { outcome, summary: "what it saw", took, evidence: "/logs/1" },
  finished,
});

test.each([
  ["clean", true, undefined],
  ["clean", false, "clean, and its workload did not come to its end"],
  ["reproduced", true, "reproduced, and there is nothing to reproduce"],
  ["reproduced", false, "reproduced, and there is nothing to reproduce"],
  ["inconclusive", false, undefined],
  ["infra-error", false, undefined],
] as const)("a trial that is %s and finished: %s is told as %s", (outcome, finished, lie) => {
  const told = lieOf(ended(outcome, finished));
  if (lie === undefined) expect(told).toBeUndefined();
  else expect(told).toContain(lie);
});

test("the table has each cell's outcomes, what of them is not true, and its seconds", () => {
  const table = renderHealthy([
    ended("clean", true, 3000),
    ended("clean", true, 1000),
    ended("clean", false, 2000),
    ended("infra-error", false, 60_000),
    { ...ended("clean", true, 500), name: "another" },
  ]);
  expect(table.split("\n").slice(2)).toEqual([
    "| a cell | 4 | clean 3, infra-error 1 | 1 | 2.0 | 60.0 |",
    "| another | 1 | clean 1 | 0 | 0.5 | 0.5 |",
  ]);
});
