import { describe, expect, test } from "vitest";
import { observationOf } from "../../../src/index.ts";
import { trialIn } from "../../../src/vitest/index.ts";
import repro from "./repro.ts";
import { testNames } from "./results.ts";

describe("epoll and three ioctls in a process with threads", () => {
  test.for<Record<string, string>>([{ layer: "kernel" }, { layer: "qemu-user" }])(
    "every test passes in %j",
    async (axes, { signal }) => {
      const trial = await trialIn(repro, { axes }, { signal });
      const { results } = observationOf(trial);
      expect(results.filter(({ state }) => state !== "ok")).toEqual([]);
      expect(results.map(({ name }) => name)).toEqual(testNames);
      expect(trial.outcome).toBe("clean");
    },
  );

  test("a layer that drops registrations fails them, and node does not exit in it", async ({ signal }) => {
    const trial = await trialIn(repro, { axes: { layer: "drop-shim" } }, { signal });
    expect(trial.outcome, trial.summary).toBe("reproduced");
    const { results } = observationOf(trial);
    const bad = results.filter(({ state }) => state !== "ok").map(({ name }) => name);
    expect(bad).toEqual(
      expect.arrayContaining(["eventfd-delivers", "pipe-delivers", "fionbio-pipe", "node-exit"]),
    );
    expect(bad).not.toContain("reopen-del-enoent");
  });
});
