import { describe, expect, test } from "vitest";
import { observationOf } from "../../../src/index.ts";
import { trialIn } from "../../../src/vitest/index.ts";
import repro from "./repro.ts";

// The bad kernel, 5.15.89, is in no archive that everybody reaches: `dstate check uring-close-etxtbsy` needs a tree.
describe("a program that node 20.3.0 wrote and closed, on a kernel without the defect,", () => {
  test("can be started at once, though node closed it through its ring", async ({ signal }) => {
    const trial = await trialIn(repro, { kernel: "6.1.129" }, { signal });
    expect(trial.outcome, trial.summary).toBe("clean");
    expect(observationOf(trial).seen).toMatchObject({ ring: true });
  });
});
