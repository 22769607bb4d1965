import { describe, expect, test } from "vitest";
import { trialIn } from "../trial-in.ts";
import repro from "./repro.ts";
import type { Observation } from "./trial.ts";

describe("poll() in one library while another is loaded, membarrier refused", () => {
  test("on musl it ends with EINTR, and signal 34 is seen arriving", async () => {
    const trial = await trialIn(repro, {});
    expect(trial.outcome, trial.summary).toBe("reproduced");
    const { polled, traced, cause } = trial.observation as Observation;
    expect(polled?.errno).toBe(4);
    expect(traced.refused[0]?.errno).toBe("EPERM");
    expect(traced.signals[0]).toMatch(/SIGRT_2 \{si_signo=SIGRT_2, si_code=SI_TKILL/);
    expect(cause.kind).toBe("signal-34");
  });

  test.each([{ libc: "glibc" }, { seccomp: "default" }, { wait: "poll-retry" }])(
    "it runs to its timeout with %j",
    async (axes) => {
      const trial = await trialIn(repro, { axes });
      expect(trial.outcome, trial.summary).toBe("clean");
    },
  );

  test("a mask for signal 34 keeps poll alone, but loading the other library waits for it", async () => {
    const trial = await trialIn(repro, { axes: { wait: "ppoll-masked" } });
    expect(trial.outcome, trial.summary).toBe("clean");
    expect((trial.observation as Observation).polled?.dlopenMs).toBeGreaterThan(1000);
  });
});
