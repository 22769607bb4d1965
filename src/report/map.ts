import { oneLine } from "../base/text.ts";
import type { MappedLine, MappedRelease } from "../campaign/map/run.ts";
import type { Interval } from "../campaign/map/series.ts";
import type { RateInterval } from "../campaign/matrix/wilson.ts";
import { describeCell } from "../lab/cell.ts";
import { badRanges, unknownOf } from "./map-ranges.ts";
import { renderTable } from "./table.ts";
import { wrap } from "./wrap.ts";

export interface RenderMapOptions {
  readonly width: number;
  readonly confidence: number;
}

const signs = {
  bad: { tried: "█", inferred: "▒" },
  good: { tried: "o", inferred: "-" },
  unknown: { tried: "?", inferred: "?" },
} as const;

/** A map for the terminal: a picture of each line, a table of its intervals, and what was seen where it is bad. */
export function renderMap(lines: readonly MappedLine[], options: RenderMapOptions): string {
  const about =
    "█ bad, ▒ bad by its neighbours, o good, - good by its neighbours, ? not known, x cannot be tried";
  return [
    ...lines.flatMap((line) => [...renderPicture(line, options), ""]),
    ...wrap(about, options),
    renderTable(
      ["line", "releases", "tried", "it is", "reproduced", `rate (${percent(options.confidence)})`],
      lines.flatMap((line) => line.map.intervals.map((interval) => rowOf(line, interval))),
      options,
    ),
    ...lines.flatMap((line) => describeLine(line).flatMap((text) => wrap(text, options))),
    ...lines.flatMap(remarksOn),
  ].join("\n");
}

/** A map that fills, for above the progress: the pictures of its lines, as many as there is room for. */
export function renderMapSoFar(
  lines: readonly MappedLine[],
  room: { readonly width: number; readonly height: number },
): string {
  return lines
    .flatMap((line) => renderPicture(line, room))
    .slice(0, room.height)
    .join("\n");
}

/** One sign a release, in as many rows as that takes, with the versions at their ends below. */
export function renderPicture(line: MappedLine, { width }: { readonly width: number }): string[] {
  const name = `${oneLine(line.name)}  `;
  const room = Math.max(10, width - name.length);
  const rows: string[] = [];
  for (let from = 0; from < line.releases.length; from += room) {
    const part = line.releases.slice(from, from + room);
    const [first, last] = [part[0]?.version ?? "", part.at(-1)?.version ?? ""];
    rows.push(`${from === 0 ? name : " ".repeat(name.length)}${part.map(signOf).join("")}`);
    const between = Math.max(1, part.length - first.length - last.length);
    const ends = part.length === 1 ? first : `${first}${" ".repeat(between)}${last}`;
    rows.push(`${" ".repeat(name.length)}${ends}`);
  }
  return rows;
}

function signOf({ state, seen, problem }: MappedRelease): string {
  if (state === "unknown" && problem !== undefined) return "x";
  return signs[state][seen.reproduced + seen.clean > 0 ? "tried" : "inferred"];
}

function rowOf(line: MappedLine, interval: Interval): string[] {
  const { from, to, state, tried, reproduced, clean, rate } = interval;
  const [first, last] = [line.releases[from]?.version ?? "", line.releases[to]?.version ?? ""];
  const judged = reproduced + clean;
  return [
    line.name,
    from === to ? first : `${first} to ${last}`,
    `${tried} of ${to - from + 1}`,
    state === "unknown" ? "not known" : state,
    judged === 0 ? "" : `${reproduced} of ${judged}`,
    judged === 0 ? "" : rateText(rate),
  ];
}

/** @example "23 to 88 %", "below 44 %" */
function rateText({ low, high }: RateInterval): string {
  if (low === 0) return `below ${percent(high)}`;
  return high === 1 ? `above ${percent(low)}` : `${percent(low).replace(" %", "")} to ${percent(high)}`;
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value < 1 || (value > 99 && value < 100) ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** What a line comes to, in sentences. */
export function describeLine(line: MappedLine): string[] {
  const ranges = badRanges(line);
  const { name, map, releases } = line;
  const told = ranges.map((range) => {
    const unknown = unknownOf(range);
    const span = range.first === range.last ? range.first : `${range.first} to ${range.last}`;
    return `${name}: ${span} ${range.first === range.last ? "is" : "are"} bad${unknown === "" ? "" : `; ${unknown}`}.`;
  });
  const unknown = map.states.filter((state) => state === "unknown").length;
  return [
    ...told,
    ...(ranges.length === 0 && unknown < releases.length
      ? [`${name}: not seen in ${releases.length - unknown} of ${releases.length} releases.`]
      : []),
    ...(unknown === 0
      ? []
      : [
          `${name}: ${unknown} of ${releases.length} releases ${unknown === 1 ? "is" : "are"} not known yet; the same command goes on.`,
        ]),
    ...(map.whole === undefined
      ? []
      : [`${name}: that all of it is so, and nothing shorter hides in it, is ${percent(map.whole)} likely.`]),
  ];
}

function remarksOn(line: MappedLine): string[] {
  const told = line.map.intervals.flatMap(({ from, to, state }) => {
    if (state !== "bad") return [];
    const release = line.releases
      .slice(from, to + 1)
      .find(({ trials }) => trials.some(({ outcome }) => outcome === "reproduced"));
    const trial = release?.trials.find(({ outcome }) => outcome === "reproduced");
    return release && trial
      ? [
          `reproduced: ${describeCell(release.cell)}\n  ${oneLine(trial.summary)}\n  evidence: ${trial.evidence}`,
        ]
      : [];
  });
  const problems = line.releases.flatMap(({ version, problem }) =>
    problem === undefined ? [] : [`not tried: ${version}\n  ${oneLine(problem)}`],
  );
  return [...told, ...problems];
}
