import { describe, expect, test } from "vitest";
import { observationOf } from "../../../src/index.ts";
import { trialIn } from "../../../src/vitest/index.ts";
import repro from "./repro.ts";

describe("an addon with thread-locals in the static TLS block", () => {
  test("4,248 bytes do not load, and the audit names who takes them", async ({ signal }) => {
    const trial = await trialIn(repro, {}, { signal });
    expect(trial.outcome, trial.summary).toBe("reproduced");
    const { cause, objects, smallest } = observationOf(trial);
    expect(cause.evidence[0]).toContain("cannot allocate memory in static TLS block");
    const [largest] = objects;
    expect(largest).toMatchObject({ bytes: 4248, model: "static" });
    expect(largest?.symbols[0]).toEqual({ name: "generator_state", bytes: 4248 });
    expect(smallest?.fails).toBeGreaterThan(1024);
    expect(smallest?.fails).toBeLessThan(4248);
  });

  test("the tunable makes room, and so much of it that a thread cannot be made", async ({ signal }) => {
    const env = { GLIBC_TUNABLES: "glibc.rtld.optional_static_tls=32768" };
    const trial = await trialIn(repro, { env }, { signal });
    expect(trial.outcome, trial.summary).toBe("clean");
    expect(observationOf(trial).threadTrouble.join()).toContain("pthread_create: Invalid argument");
  });

  test.for<Record<string, string>>([{ addon: "gd-4248" }, { preload: "addon" }])(
    "it loads with %j",
    async (axes, { signal }) => {
      const trial = await trialIn(repro, { axes }, { signal });
      expect(trial.outcome, trial.summary).toBe("clean");
    },
  );
});
