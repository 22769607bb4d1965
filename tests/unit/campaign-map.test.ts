import { describe, expect, test } from "vitest";
import { learnedRate } from "../../src/campaign/bisect/rates.ts";
import { believe, probabilityOf, type Seen, type SeriesModel } from "../../src/campaign/map/belief.ts";
import type { SeriesState } from "../../src/campaign/map/choose.ts";
import { switchesNear } from "../../src/campaign/map/dates.ts";
import { ratesFrom } from "../../src/campaign/map/least-rate.ts";
import { lineOf, releaseName } from "../../src/campaign/map/places.ts";
import { add, intervalsOf, mapOf, nextTrials, statesOf } from "../../src/campaign/map/series.ts";
import { simulateMap } from "../../src/campaign/map/simulate.ts";
import type { KernelList } from "../../src/kernel/list.ts";

const nothing: Seen = { reproduced: 0, clean: 0 };
const often = learnedRate(ratesFrom(0.1), { reproduced: 20, clean: 1 });
const model: SeriesModel = { prior: often, isRateKnown: true };

/** A line in which everything can be tried and nothing needs building. */
function line(seen: readonly Seen[], more: Partial<SeriesState> = {}): SeriesState {
  return { seen, model, testable: seen.map(() => true), build: seen.map(() => 0), trial: 10, ...more };
}

/** @example seenAs("o.#") // clean four times, never tried, reproduced four times */
function seenAs(text: string): Seen[] {
  return [...text].map((sign) =>
    sign === "o" ? { reproduced: 0, clean: 4 } : sign === "#" ? { reproduced: 4, clean: 0 } : nothing,
  );
}

/** @example picture(line(seenAs("o#o"))) // "o#o" */
function picture(state: SeriesState): string {
  const signs = { bad: "#", good: "o", unknown: "?" };
  return statesOf(believe(state.seen, state.model), 0.99)
    .map((one) => signs[one])
    .join("");
}

describe("what trials say of a line of releases", () => {
  test("is the sum over every way in which the bug may have come and gone", () => {
    const seen = seenAs("o.#.o.");
    const { bad } = believe(seen, model);
    let [total, third] = [0, 0];
    for (let way = 0; way < 2 ** seen.length; way += 1) {
      const states = seen.map((_, release) => ((way >> release) & 1) === 1);
      const p = probabilityOf(states, seen, model);
      total += p;
      if (states[3]) third += p;
    }
    expect(total).toBeCloseTo(1, 9);
    expect(third).toBeCloseTo(bad[3] ?? 0, 9);
  });

  test("never calls a release good where the bug was seen once, however often it was clean", () => {
    expect(believe([nothing, { reproduced: 1, clean: 50 }, nothing], model).bad[1]).toBe(1);
  });

  test.each([
    ["o...#", "o???#"],
    ["#....", "#????"],
    ["o#o", "o#o"],
    ["o##....#o", "o#######o"],
    ["oo.....oo", "oo?????oo"],
  ])("%s: where it is known by its neighbours, and where it is not: %s", (tried, known) => {
    expect(picture(line(seenAs(tried)))).toBe(known);
  });

  test("a hint moves the first trial, and decides nothing", () => {
    const hints = ["good", undefined, undefined, "bad", undefined, undefined] as const;
    const state = line(seenAs("......"), { model: { prior: ratesFrom(0.1), hints } });
    expect(picture(state)).toBe("??????");
    expect(nextTrials([state], { confidence: 0.99, size: 1 })).toMatchObject([{ release: 3 }]);
  });
});

describe("the next trial", () => {
  test("tells the two edges of an interval apart from both sides", () => {
    const next = (tried: string): number | undefined =>
      nextTrials([line(seenAs(tried))], { confidence: 0.99, size: 1 })[0]?.release;
    expect(next("o.....#####")).toSatisfy((release: number) => release > 0 && release < 6);
    expect(next("####......o")).toSatisfy((release: number) => release > 3 && release < 10);
  });

  test("goes inside an interval of which only the ends were tried, and then ends", () => {
    const state = line(seenAs("o#...#o"));
    const [next] = nextTrials([state], { confidence: 0.99, size: 1 });
    expect(next).toEqual({ series: 0, release: 3, why: "inside" });
    const after = {
      ...state,
      seen: state.seen.map((one, index) => (index === 3 ? add(one, "reproduced") : one)),
    };
    expect(nextTrials([after], { confidence: 0.99, size: 1 })).toEqual([]);
  });

  test("stays with kernels that are here, when building is dear", () => {
    const state = line(seenAs("o........#"), { build: [0, 900, 900, 900, 900, 900, 0, 900, 900, 0] });
    expect(nextTrials([state], { confidence: 0.99, size: 1 })).toMatchObject([{ release: 6 }]);
  });

  test("side by side, at most one kernel is built", () => {
    const state = line(seenAs("o..............#"), { build: [0, ...Array<number>(14).fill(300), 0] });
    const batch = nextTrials([state], { confidence: 0.99, size: 3 });
    const built = batch.filter(({ release }) => (state.build[release] ?? 0) > 0);
    expect(new Set(built.map(({ release }) => release)).size).toBeLessThanOrEqual(1);
    // Where workers build, as many as there are.
    const batches = [2, 3].map((builds) => nextTrials([state], { confidence: 0.99, size: 24, builds }));
    expect(batches.map((each) => new Set(each.map(({ release }) => release)).size)).toEqual([2, 3]);
  });

  test("of several lines is the one that tells most for its cost", () => {
    const known = line(seenAs("ooo###ooo"));
    const unknown = line(seenAs("o...#"));
    expect(nextTrials([known, unknown], { confidence: 0.99, size: 1 })).toMatchObject([{ series: 1 }]);
  });

  test("passes over a kernel that cannot be tried, which stays unknown", () => {
    const state = line(seenAs("o.#"), { testable: [true, false, true] });
    expect(nextTrials([state], { confidence: 0.99, size: 1 })).toEqual([]);
    const map = mapOf(state, believe(state.seen, state.model), 0.99);
    expect(map).toMatchObject({ states: ["good", "unknown", "bad"], settled: true, whole: undefined });
  });
});

describe("lines of releases that come out at the same time", () => {
  const week = 7 * 24 * 3600 * 1000;
  const dates = Array.from({ length: 40 }, (_, release) => (1 + release) * week);
  const known = { dates, belief: believe(seenAs(`${"o".repeat(20)}###${"o".repeat(17)}`), model) };

  test("are expected to switch together", () => {
    const weights = switchesNear(dates, [known]) ?? [];
    expect(weights[20]).toBeGreaterThan(4);
    expect(weights[23]).toBeGreaterThan(4);
    expect(weights[5]).toBeLessThan(0.6);
  });

  test("are looked at first where the others switched, which takes fewer builds", () => {
    const buildsUntilSeen = (switchesAt: Float64Array | undefined): number => {
      let seen: readonly Seen[] = seenAs(".".repeat(40));
      const built = new Set<number>();
      for (let trial = 0; trial < 200; trial += 1) {
        const build = seen.map((_, release) => (built.has(release) ? 0 : 300));
        const state = line(seen, { model: { ...model, switchesAt }, build });
        const [next] = nextTrials([state], { confidence: 0.99, size: 1 });
        if (!next) break;
        built.add(next.release);
        if (next.release >= 20 && next.release <= 22) return built.size;
        seen = seen.map((one, release) => (release === next.release ? add(one, "clean") : one));
      }
      return Number.POSITIVE_INFINITY;
    };
    const helped = buildsUntilSeen(switchesNear(dates, [known]));
    expect(helped).toBeLessThanOrEqual(6);
    expect(helped).toBeLessThan(buildsUntilSeen(undefined));
  });

  test("leave no release untried for what another line shows: the map is done when the line itself says so", () => {
    const seen = seenAs("o.....##........").map((one, release) =>
      release === 8 ? { reproduced: 0, clean: 1 } : release === 15 ? { reproduced: 0, clean: 4 } : one,
    );
    // As if the other line had left no doubt that release 8 mended it.
    const switchesAt = Float64Array.from(seen, (_, release) => (release === 6 || release === 8 ? 8 : 0));
    const state = line(seen, { model: { ...model, switchesAt } });
    const options = { confidence: 0.99, size: 1 };
    expect(picture(state)).not.toContain("?");
    expect(picture(line(seen))).toContain("?");
    expect(nextTrials([state], options)).toMatchObject([{ why: "inside" }]);
    expect(nextTrials([{ ...state, strict: model }], options)).toMatchObject([{ why: "edge" }]);
  });

  test("say nothing where no date is known, or no other line has switched", () => {
    expect(
      switchesNear(
        dates.map(() => undefined),
        [known],
      ),
    ).toBeUndefined();
    expect(switchesNear(dates, [])).toBeUndefined();
  });
});

test("intervals are told with what was tried in them", () => {
  expect(intervalsOf(["good", "bad", "bad", "unknown"], seenAs("o#.."), 0.95)).toMatchObject([
    { from: 0, to: 0, state: "good", tried: 1, clean: 4 },
    { from: 1, to: 2, state: "bad", tried: 1, reproduced: 4 },
    { from: 3, to: 3, state: "unknown", tried: 0, rate: { low: 0, high: 1 } },
  ]);
});

test("in simulation the map names both edges in 99 of 100 lines, for hardly more builds than two bisections", () => {
  const seconds = { build: 240, trial: 20 };
  const options = { releases: 40, rate: 0.9, leastRate: 0.1, runs: 40, confidence: 0.99, seed: 5, seconds };
  const { map, bisections } = simulateMap(options);
  expect(map.right.rate).toBeGreaterThanOrEqual(0.975);
  expect(map.builds).toBeLessThan(bisections.builds * 1.25);
  expect(map.builds).toBeLessThanOrEqual(12);
});

test("a release has one name, whichever revision of its package is meant", () => {
  expect(releaseName("deb:6.12.85-1~bpo12+1")).toBe(releaseName("deb:6.12.85"));
  expect(releaseName("deb:6.12.85")).not.toBe(releaseName("6.12.85"));
  expect(releaseName("file:/x/bzImage")).toBe("file:/x/bzImage");
});

describe("a line of releases", () => {
  const known = (selector: string, version: string) => ({ selector, version, source: "" });
  const list: Pick<KernelList, "releases" | "packages" | "cached"> = {
    releases: [known("6.1.106", "6.1.106"), known("6.1.9", "6.1.9"), known("6.6.58", "6.6.58")],
    packages: [known("deb:6.1.106-1", "6.1.106"), known("deb:6.1.170-3", "6.1.170")],
    cached: [],
  };
  const cell = { kernel: "", node: undefined, env: {}, image: "debian", axes: {} } as const;
  const kernels = (text: string, distro?: string): string[] =>
    lineOf(text, distro, list, cell).places.map((place) => place.cell.kernel);

  test("has its releases in order, a package before a source", () => {
    expect(kernels("6.1")).toEqual(["6.1.9", "deb:6.1.106-1", "deb:6.1.170-3"]);
  });

  test("may be cut, and may be a distribution's own", () => {
    expect(kernels("6.1.9..6.1.106")).toEqual(["6.1.9", "deb:6.1.106-1"]);
    expect(kernels("6.1", "debian")).toEqual(["deb:6.1.106-1", "deb:6.1.170-3"]);
  });

  test("of another distribution has its kernels by upstream's version, if that tells them apart", () => {
    const fedora = ["6.12.5-200.fc41", "6.12.11-200.fc41"].map((build) =>
      known(`fedora:${build}`, build.replace(/-.*/, "")),
    );
    const of = (packages: typeof fedora, distro: string): string[] =>
      lineOf("6.12", distro, { releases: [], packages, cached: [] }, cell).places.map(
        (place) => place.cell.kernel,
      );
    expect(of(fedora, "fedora")).toEqual(["fedora:6.12.5-200.fc41", "fedora:6.12.11-200.fc41"]);
    const ubuntu = ["6.12.0-31-generic", "6.12.0-51-generic"].map((build) =>
      known(`ubuntu:${build}`, "6.12.0"),
    );
    expect(() => of(ubuntu, "ubuntu")).toThrow("several kernels that call themselves 6.12.0");
  });

  test.each([
    ["6", "is no line of stable releases"],
    ["6.1.9..6.6.58", "is no line of stable releases"],
    ["6.9", "no release of 6.9 can be had here"],
    ["6.1.170..6.1.9", "is reversed"],
  ])("is not %s", (text, sentence) => {
    expect(() => lineOf(text, undefined, list, cell)).toThrow(sentence);
  });
});
