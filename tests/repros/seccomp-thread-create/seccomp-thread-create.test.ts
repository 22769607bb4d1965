import { describe, expect, test } from "vitest";
import { observationOf, UsageError } from "../../../src/index.ts";
import { trialIn } from "../../../src/vitest/index.ts";
import repro from "./repro.ts";

describe("node cannot make its first thread in a container", () => {
  test.for<[Record<string, string>, string, RegExp]>([
    [{ seccomp: "clone3-eperm" }, "seccomp", /clone3\(.*EPERM/],
    [{ seccomp: "default", limit: "pids" }, "pids-limit", /clone\(.*EAGAIN/],
    [{ seccomp: "default", limit: "nproc" }, "rlimit-nproc", /clone\(.*EAGAIN/],
  ])("in the cell %j node aborts, and the cause is %s", async ([axes, kind, errno], { signal }) => {
    const trial = await trialIn(repro, { axes }, { signal });
    expect(trial.outcome, trial.summary).toBe("reproduced");
    const { cause } = observationOf(trial);
    expect(cause.kind).toBe(kind);
    expect(cause.evidence[0]).toMatch(errno);
    expect(cause.advice).not.toMatch(/unconfined/);
  });

  test("a profile that answers ENOSYS is enough for node", async ({ signal }) => {
    const trial = await trialIn(repro, { axes: { seccomp: "clone3-enosys" } }, { signal });
    expect(trial.outcome, trial.summary).toBe("clean");
  });

  test("a profile that cannot be read is a usage error", async ({ signal }) => {
    await expect(trialIn(repro, { axes: { seccomp: "./no-such-profile.json" } }, { signal })).rejects.toThrow(
      UsageError,
    );
  });
});
