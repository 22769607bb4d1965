import { describe, expect, test } from "vitest";
import { observationOf } from "../../../src/index.ts";
import { trialIn } from "../../../src/vitest/index.ts";
import repro from "./repro.ts";

describe("FIONREAD of a socket in a sockmap, on Debian's 6.12.85,", () => {
  test("says 0 while there is data that epoll tells of and that can be read", async ({ signal }) => {
    const trial = await trialIn(repro, { kernel: "deb:6.12.85" }, { signal });
    expect(trial.outcome, trial.summary).toBe("reproduced");
    const { counts, cause } = observationOf(trial);
    expect(counts).toMatchObject({ least: 0, edges: counts?.rounds, received: counts?.sent });
    expect(cause.kind).toBe("sockmap");
  });

  test("says how much there is when the map has a program for received data too", async ({ signal }) => {
    const choice = { kernel: "deb:6.12.85", axes: { program: "verdict" } };
    const trial = await trialIn(repro, choice, { signal });
    expect(trial.outcome, trial.summary).toBe("clean");
  });
});
