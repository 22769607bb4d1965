import { describe, expect, test } from "vitest";
import { observationOf } from "../../../src/index.ts";
import { trialIn } from "../../../src/vitest/index.ts";
import repro from "./repro.ts";

describe("poll() in one library while another is loaded, membarrier refused", () => {
  test("on musl it ends with EINTR, and signal 34 is seen arriving", async ({ signal }) => {
    const trial = await trialIn(repro, {}, { signal });
    expect(trial.outcome, trial.summary).toBe("reproduced");
    const { polled, traced, cause } = observationOf(trial);
    expect(polled?.errno).toBe(4);
    expect(traced.refused[0]?.errno).toBe("EPERM");
    expect(traced.signals[0]).toMatch(/SIGRT_2 \{si_signo=SIGRT_2, si_code=SI_TKILL/);
    expect(cause.kind).toBe("signal-34");
  });

  test.for<Record<string, string>>([{ libc: "glibc" }, { seccomp: "default" }, { wait: "poll-retry" }])(
    "it runs to its timeout with %j",
    async (axes, { signal }) => {
      const trial = await trialIn(repro, { axes }, { signal });
      expect(trial.outcome, trial.summary).toBe("clean");
    },
  );

  test("a mask for signal 34 keeps poll alone, but loading the other library waits for it", async ({
    signal,
  }) => {
    const trial = await trialIn(repro, { axes: { wait: "ppoll-masked" } }, { signal });
    expect(trial.outcome, trial.summary).toBe("clean");
    expect(observationOf(trial).polled?.dlopenMs).toBeGreaterThan(1000);
  });
});
