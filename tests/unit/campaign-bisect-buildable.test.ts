import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chanceToBuild } from "../../src/campaign/bisect/buildable.ts";

type State = "works" | "broken" | "unknown";
const row = (length: number, known: Record<number, State> = {}): State[] =>
  Array.from({ length }, (_, index) => known[index] ?? "unknown");

describe("the chance that a commit can be built", () => {
  test("is high and the same everywhere while nothing is known", () => {
    const chances = chanceToBuild(row(100));
    for (const chance of chances) expect(chance).toBeCloseTo(0.97);
  });

  test("grows with the distance from a commit that could not be built", () => {
    const chances = chanceToBuild(row(100, { 0: "works", 50: "broken", 99: "works" }));
    expect(chances[51]).toBeLessThan(0.3);
    for (let index = 51; index < 99; index += 1)
      expect(chances[index + 1]).toBeGreaterThan(chances[index] ?? 1);
    expect(chances[80]).toBeGreaterThan(0.9);
  });

  test("is low between two that could not be built, and high between two that could", () => {
    const chances = chanceToBuild(row(100, { 10: "broken", 14: "broken", 60: "works", 64: "works" }));
    expect(chances[12]).toBeLessThan(0.1);
    expect(chances[62]).toBeGreaterThan(0.99);
  });

  test("is a probability above 0 for any history", () => {
    const states = fc.array(fc.constantFrom<State>("works", "broken", "unknown"), { maxLength: 300 });
    fc.assert(
      fc.property(states, (known) => {
        for (const chance of chanceToBuild(known)) {
          expect(chance).toBeGreaterThan(0);
          expect(chance).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
