import type { MappedLine, MappedRelease } from "../campaign/map/run.ts";

/** Releases of one line that have a bug, in upstream's own numbers, with what is not known at both edges. */
export interface BadRange {
  readonly series: string;
  /** The first and the last release that are known to be bad. */
  readonly first: string;
  readonly last: string;
  /** The first and the last release that may be bad: what lies between these and the others is not known. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/**
 * The bad ranges of a line. What was not tried and what could not be had lies in no range, but may widen one.
 *
 * @returns an `undefined` end where nothing is known beyond the releases at hand.
 */
export function badRanges({
  series,
  map,
  releases,
}: Pick<MappedLine, "series" | "map" | "releases">): BadRange[] {
  const name = (release: MappedRelease | undefined): string => release?.version ?? "";
  return map.intervals.flatMap((interval, index) => {
    if (interval.state !== "bad") return [];
    const before = map.intervals.slice(0, index).findLast(({ state }) => state !== "unknown");
    const after = map.intervals.slice(index + 1).find(({ state }) => state !== "unknown");
    const good = before?.state === "good" ? releases[before.to] : undefined;
    const mended = after?.state === "good" ? releases[after.from] : undefined;
    return [
      {
        series,
        first: name(releases[interval.from]),
        last: name(releases[interval.to]),
        // Another bad range beyond what is not known has its own say about that.
        from: good ? step(good.version, 1) : before ? name(releases[interval.from]) : undefined,
        to: mended ? step(mended.version, -1) : after ? name(releases[interval.to]) : undefined,
      },
    ];
  });
}

/** The release before or after one in its line. @example step("6.1.112", 1) // "6.1.113" */
export function step(version: string, by: 1 | -1): string {
  const [major = 0, minor = 0, patch = 0] = numbersOf(version);
  return patch + by < 0 ? version : `${major}.${minor}.${patch + by}`;
}

/** @example numbersOf("6.1") // [6, 1, 0] */
export function numbersOf(version: string): [major: number, minor: number, patch: number] {
  const [major = 0, minor = 0, patch = 0] = (version.match(/\d+/g) ?? []).map(Number);
  return [major, minor, patch];
}

/** What is not known at the edges of a range, in a few words; empty when both are known exactly. */
export function unknownOf({ first, last, from, to, series }: BadRange): string {
  const span = (a: string, b: string): string => (a === b ? a : `${a} to ${b}`);
  return [
    ...(from === undefined
      ? [`what of ${series} is older than ${first} was not tried`]
      : from === first
        ? []
        : [`${span(from, step(first, -1))} not known`]),
    ...(to === undefined
      ? [`what of ${series} is newer than ${last} was not tried`]
      : to === last
        ? []
        : [`${span(step(last, 1), to)} not known`]),
  ].join("; ");
}
