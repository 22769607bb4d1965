import { describe, expect, test } from "vitest";
import { MoreTime, mostMoreTime } from "../../src/process/more-time.ts";

const deadline = 240;

/** How long a job is waited for whose steps end at the given times; looked at every second. */
function waitedFor(ends: readonly number[]): number {
  const more = new MoreTime(deadline);
  for (let at = 0; ; at += 1) {
    more.observe(at, ends.filter((end) => end <= at).length);
    if (at >= deadline && !more.isGranted(at)) return at;
  }
}

const evenly = (length: number): number[] => Array.from({ length: 100 }, (_, index) => (index + 1) * length);

describe("a job at its deadline", () => {
  test.each([
    ["that never said how far it is gets no more time", [], deadline],
    ["that did nothing for long gets none either", [10, 20, 30], deadline],
    [
      "that advances has time for its next step, three times as long as one took so far",
      [48, 96, 144, 192, 240],
      240 + 3 * 48 + 1,
    ],
    ["whose steps become slower has time for them too", [60, 180, 360, 600], 600 + 3 * 240 + 1],
    ["that says several steps at once is measured by their mean", [100, 100, 100, 100], deadline],
    ["that advances without end is ended some day", evenly(30), deadline * mostMoreTime],
  ])("%s", (_name, ends, expected) => {
    expect(waitedFor(ends)).toBe(Math.min(expected, deadline * mostMoreTime));
  });
});
