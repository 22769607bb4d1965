import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/index.ts";
import { trialIn } from "../trial-in.ts";
import repro from "./repro.ts";
import type { Observation } from "./trial.ts";

describe("node cannot make its first thread in a container", () => {
  test.each([
    [{ seccomp: "clone3-eperm" }, "seccomp", /clone3\(.*EPERM/],
    [{ seccomp: "default", limit: "pids" }, "pids-limit", /clone\(.*EAGAIN/],
    [{ seccomp: "default", limit: "nproc" }, "rlimit-nproc", /clone\(.*EAGAIN/],
  ])("in the cell %j node aborts, and the cause is %s", async (axes, kind, errno) => {
    const trial = await trialIn(repro, { axes });
    expect(trial.outcome, trial.summary).toBe("reproduced");
    const { cause } = trial.observation as Observation;
    expect(cause.kind).toBe(kind);
    expect(cause.evidence[0]).toMatch(errno);
    expect(cause.advice).not.toMatch(/unconfined/);
  });

  test("a profile that answers ENOSYS is enough for node", async () => {
    const trial = await trialIn(repro, { axes: { seccomp: "clone3-enosys" } });
    expect(trial.outcome, trial.summary).toBe("clean");
  });

  test("a profile that cannot be read is a usage error", async () => {
    await expect(trialIn(repro, { axes: { seccomp: "./no-such-profile.json" } })).rejects.toThrow(UsageError);
  });
});
