import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareDebianVersions,
  compareKernelVersions,
  nearestKernels,
  upstreamVersion,
} from "../../src/kernel/version.ts";

describe("kernel versions", () => {
  test("are ordered by number, and candidates come before their release", () => {
    const ordered = [
      "5.10.262",
      "6.1-rc3",
      "6.1",
      "6.1.9",
      "6.1.10",
      "6.1.115",
      "6.12-rc1",
      "6.12",
      "7.3-rc7",
    ];
    expect(ordered.toReversed().sort(compareKernelVersions)).toEqual(ordered);
  });

  test("6.1 is the same release as 6.1.0", () => {
    expect(compareKernelVersions("6.1", "6.1.0")).toBe(0);
  });

  test("near ones are of the same line before they are close in number", () => {
    const known = ["5.10.116", "6.1.106", "6.1.115", "6.1.129", "6.2.116", "6.12.116"];
    expect(nearestKernels("6.1.116", known, 3)).toEqual(["6.1.115", "6.1.106", "6.1.129"]);
  });

  test("near ones of a line nobody has come from the lines beside it", () => {
    expect(nearestKernels("6.13.1", ["5.10.1", "6.12.43", "6.1.115", "7.2.1"], 1)).toEqual(["6.12.43"]);
  });
});

describe("Debian's versions of kernels", () => {
  test.each([
    ["6.12.43-1~bpo12+1", "6.12.43"],
    ["7.3~rc7-1~exp1", "7.3-rc7"],
    ["1:6.1.192-2", "6.1.192"],
  ])("%s is upstream's %s", (debian, upstream) => {
    expect(upstreamVersion(debian)).toBe(upstream);
  });

  test("are ordered as their policy says", () => {
    const ordered = [
      "6.1~rc3-1",
      "6.1.9-1",
      "6.1.10-1~bpo11+1",
      "6.1.10-1",
      "6.1.10-1+b1",
      "6.1.10-2",
      "1:5.10-1",
    ];
    expect(ordered.toReversed().sort(compareDebianVersions)).toEqual(ordered);
  });

  const dpkg = spawnSync("dpkg", ["--version"]).status === 0;
  test.runIf(dpkg)("are ordered as dpkg orders them", () => {
    const version = fc.stringMatching(/^[0-9][0-9a-c.+~]{0,6}(-[0-9a-c.+~]{1,4})?$/);
    fc.assert(
      fc.property(version, version, (a, b) => {
        const order = compareDebianVersions(a, b);
        const relation = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
        expect(spawnSync("dpkg", ["--compare-versions", a, relation, b]).status).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
