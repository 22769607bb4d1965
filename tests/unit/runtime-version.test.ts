import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import { readSettings } from "../../src/base/settings.ts";
import { provideNode } from "../../src/runtime/node.ts";
import { compareVersions, nearestVersions } from "../../src/runtime/version.ts";

const known = ["18.20.8", "20.8.1", "20.9.0", "20.18.0", "21.0.0", "24.21.0"];

describe("Node versions", () => {
  test("are ordered by number, not by letter", () => {
    expect(known.toReversed().sort(compareVersions)).toEqual(known);
  });

  test.each([
    ["between two lines", "20.99.0", ["20.18.0", "21.0.0"]],
    ["older than all", "0.1.0", ["18.20.8", "20.8.1"]],
    ["newer than all", "99", ["21.0.0", "24.21.0"]],
  ])("%s have neighbours that exist", (_case, wanted, near) => {
    expect(nearestVersions(wanted, known, 2)).toEqual(near);
  });

  test("have no more neighbours than there are versions", () => {
    const version = fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30)).map((parts) => parts.join("."));
    fc.assert(
      fc.property(version, fc.array(version), fc.integer({ min: 1, max: 9 }), (wanted, list, count) => {
        const near = nearestVersions(wanted, list, count);
        expect(near.length).toBe(Math.min(count, list.length));
        expect(near.every((version) => list.includes(version))).toBe(true);
      }),
    );
  });

  test.each(["latest", "v20.9.0", "20.x", "20.9.0-rc.1", "", "20.9.0 --help"])(
    "%j is refused before anything is asked of the network",
    async (selector) => {
      const context = { settings: readSettings({}), progress: silent, signal: new AbortController().signal };
      await expect(provideNode(selector, context)).rejects.toThrow(UsageError);
    },
  );
});
