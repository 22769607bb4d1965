import { expect, test } from "vitest";
import { wilsonInterval } from "../../src/campaign/matrix/wilson.ts";

test.each([
  [0, 10, 0, 0.278],
  [10, 10, 0.722, 1],
  [5, 10, 0.237, 0.763],
  [0, 0, 0, 1],
])("%i of %i trials leave the rate between %f and %f", (successes, trials, low, high) => {
  const interval = wilsonInterval(successes, trials);
  expect(interval.low).toBeCloseTo(low, 3);
  expect(interval.high).toBeCloseTo(high, 3);
});
