import { anytimeInterval } from "../matrix/anytime.ts";
import type { RateInterval } from "../matrix/wilson.ts";
import { believe, probabilityOf, type Seen, type SeriesBelief } from "./belief.ts";
import { chooseRelease, type SeriesState } from "./choose.ts";

/** Whether a release has the bug, as far as is known. */
export type ReleaseState = "bad" | "good" | "unknown";

/** Releases in a row that are alike. Numbers of the first one and the last one. */
export interface Interval extends Seen {
  readonly from: number;
  readonly to: number;
  readonly state: ReleaseState;
  /** How many of them were tried and judged. */
  readonly tried: number;
  /** Of a trial in them, with what was seen; it holds whenever one stops to look. */
  readonly rate: RateInterval;
}

/** What a line of releases comes to. */
export interface SeriesMap {
  readonly states: readonly ReleaseState[];
  readonly intervals: readonly Interval[];
  /** Whether every release that can be tried is known to be bad or good. */
  readonly settled: boolean;
  /** How likely it is that all of it is exactly so, where it is settled. */
  readonly whole: number | undefined;
}

/** An interval that is shorter has no inside worth a trial of its own. */
const shortest = 3;

/**
 * What is known of a line.
 *
 * @param confidence how certain a release has to be.
 */
export function mapOf(
  { seen, model, testable }: Pick<SeriesState, "seen" | "model" | "testable">,
  belief: SeriesBelief,
  confidence: number,
): SeriesMap {
  const states = statesOf(belief, confidence);
  const settled = states.every((state, release) => state !== "unknown" || testable[release] === false);
  return {
    states,
    intervals: intervalsOf(states, seen, confidence),
    settled,
    whole: states.includes("unknown")
      ? undefined
      : probabilityOf(
          states.map((state) => state === "bad"),
          seen,
          model,
        ),
  };
}

/** Each release by itself. */
export function statesOf({ bad }: SeriesBelief, confidence: number): ReleaseState[] {
  return Array.from(bad, (p) => (p >= confidence ? "bad" : 1 - p >= confidence ? "good" : "unknown"));
}

/** Releases in a row that are alike, the oldest first. */
export function intervalsOf(
  states: readonly ReleaseState[],
  seen: readonly Seen[],
  confidence: number,
): Interval[] {
  const runs: { from: number; to: number; state: ReleaseState }[] = [];
  for (const [release, state] of states.entries()) {
    const last = runs.at(-1);
    if (last?.state === state) last.to = release;
    else runs.push({ from: release, to: release, state });
  }
  return runs.map((run) => {
    const inside = seen.slice(run.from, run.to + 1);
    const reproduced = inside.reduce((sum, one) => sum + one.reproduced, 0);
    const clean = inside.reduce((sum, one) => sum + one.clean, 0);
    return {
      ...run,
      reproduced,
      clean,
      tried: inside.filter(isTried).length,
      rate: anytimeInterval(reproduced, reproduced + clean, confidence),
    };
  });
}

/** A release to try, and in which of the lines. */
export interface NextTrial {
  readonly series: number;
  readonly release: number;
  /** Why: to find an edge, or to see that an interval is one. */
  readonly why: "edge" | "inside";
}

/**
 * Which releases to try next, in which line: the most telling ones for their cost, each as if those before it had
 * come out as expected, and at most the first with a kernel that must be built. When all edges are known, one
 * release inside each interval is tried: that it is an interval is more than its ends say.
 *
 * @param size trials side by side.
 * @param builds kernels that are built at once, where others build them.
 * @returns none when the map is done, or nothing that can be tried tells anything.
 */
export function nextTrials(
  lines: readonly SeriesState[],
  options: { readonly confidence: number; readonly size: number; readonly builds?: number },
): NextTrial[] {
  const { builds = 1 } = options;
  const states = [...lines];
  const batch: NextTrial[] = [];
  const building = new Set<string>();
  while (batch.length < options.size) {
    const next = bestOf(states, options.confidence, (series, release) => {
      const isAgain = building.has(`${series} ${release}`);
      const isMore = batch.length === 0 || (builds > 1 && building.size < builds);
      return isMore || isAgain || (states[series]?.build[release] ?? 0) === 0;
    });
    if (!next) break;
    batch.push(next);
    if ((states[next.series]?.build[next.release] ?? 0) > 0) building.add(`${next.series} ${next.release}`);
    const state = states[next.series];
    if (!state) break;
    const { bad, rate } = believe(state.seen, state.model);
    const shows = (bad[next.release] ?? 0) * rate > 0.5;
    states[next.series] = {
      ...state,
      seen: state.seen.map((one, release) =>
        release === next.release ? add(one, shows ? "reproduced" : "clean") : one,
      ),
    };
  }
  return batch;
}

/** What was seen, with one more trial. */
export function add(seen: Seen, outcome: keyof Seen): Seen {
  return { ...seen, [outcome]: seen[outcome] + 1 };
}

function bestOf(
  lines: readonly SeriesState[],
  confidence: number,
  isAllowed: (series: number, release: number) => boolean,
): NextTrial | undefined {
  let [best, highest]: [NextTrial | undefined, number] = [undefined, 0];
  for (const [series, line] of lines.entries()) {
    const allowed = {
      ...line,
      testable: line.testable.map((can, release) => can && isAllowed(series, release)),
    };
    const strict = believe(line.seen, line.strict ?? line.model);
    const belief = line.strict ? believe(line.seen, line.model) : strict;
    const states = statesOf(strict, confidence);
    const known = states.map((state) => state !== "unknown");
    if (known.every((isKnown, release) => isKnown || line.testable[release] === false)) {
      const inside = insideToTry(allowed, intervalsOf(states, line.seen, confidence));
      if (inside !== undefined) best ??= { series, release: inside, why: "inside" };
      continue;
    }
    const choice =
      chooseRelease(allowed, belief, known) ??
      chooseRelease(allowed, strict, known) ??
      chooseRelease(allowed, strict, []);
    if (!choice || choice.worth <= highest) continue;
    [best, highest] = [{ series, release: choice.release, why: "edge" }, choice.worth];
  }
  return best;
}

/** Something inside the first interval of which only the ends were tried: what needs no building, else the middle. */
function insideToTry(
  { seen, testable, build }: SeriesState,
  intervals: readonly Interval[],
): number | undefined {
  for (const { from, to } of intervals) {
    if (to - from + 1 < shortest) continue;
    const inside = Array.from({ length: to - from - 1 }, (_, index) => from + 1 + index);
    if (inside.some((release) => isTried(seen[release]))) continue;
    const middle = (from + to) / 2;
    const [first] = inside
      .filter((release) => testable[release])
      .sort(
        (a, b) =>
          Number((build[a] ?? 0) > 0) - Number((build[b] ?? 0) > 0) ||
          Math.abs(a - middle) - Math.abs(b - middle),
      );
    if (first !== undefined) return first;
  }
  return undefined;
}

function isTried(seen: Seen | undefined): boolean {
  return seen !== undefined && seen.reproduced + seen.clean > 0;
}
