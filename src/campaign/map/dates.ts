import { command } from "../../base/command.ts";
import type { Context } from "../../base/context.ts";
import { timeouts } from "../../base/timeouts.ts";
import { treeReleases } from "../../kernel/tree-releases.ts";
import type { SeriesBelief } from "./belief.ts";

/** When releases came out, in milliseconds since 1970, as the commits of the trees at hand say. */
export async function releaseDates(
  context: Pick<Context, "settings" | "signal">,
): Promise<ReadonlyMap<string, number>> {
  const dates = new Map<string, number>();
  const releases = await treeReleases(context);
  for (const tree of new Set(releases.map((release) => release.tree))) {
    const own = releases.filter((release) => release.tree === tree);
    const { stdout } = await command(
      ["git", "-C", tree, "log", "--no-walk=unsorted", "--format=%H %ct", "--stdin"],
      {
        within: timeouts.host.git,
        signal: context.signal,
        input: own.map(({ commit }) => `${commit}\n`).join(""),
      },
    );
    const seconds = new Map(stdout.split("\n").map((line) => [line.slice(0, 40), Number(line.slice(41))]));
    for (const { version, commit } of own) {
      const at = seconds.get(commit);
      if (at !== undefined && at > 0) dates.set(version, at * 1000);
    }
  }
  return dates;
}

/** A line of releases, when each came out, and what is believed of it. */
export interface DatedLine {
  /** Undefined: not known. */
  readonly dates: readonly (number | undefined)[];
  readonly belief: Pick<SeriesBelief, "brought" | "mended">;
}

/** Stable releases of all lines take up the same commits within a week or two. */
const week = 7 * 24 * 3600 * 1000;
/** Share of the expectation that stays where no other line switched. */
const anywhere = 0.5;

/**
 * Where a line's switches are expected from those of other lines: what brings a bug, and what mends it, is taken into all of
 * them at about the same time.
 *
 * @returns for each release a weight for a switch just before it, 1 in the mean; undefined: nothing is known.
 */
export function switchesNear(
  dates: readonly (number | undefined)[],
  others: readonly DatedLine[],
): Float64Array | undefined {
  const near = new Float64Array(dates.length);
  for (let release = 1; release < dates.length; release += 1) {
    const at = dates[release];
    if (at === undefined) continue;
    for (const { dates: theirs, belief } of others) {
      for (const [switched, then] of theirs.entries()) {
        if (then === undefined) continue;
        const chance = (belief.brought[switched] ?? 0) + (belief.mended[switched] ?? 0);
        near[release] = (near[release] ?? 0) + chance * Math.exp(-Math.abs(at - then) / week);
      }
    }
  }
  const sum = near.reduce((total, value) => total + value, 0);
  if (sum < 1e-6) return undefined;
  const mean = sum / (dates.length - 1);
  return near.map((value) => anywhere + (1 - anywhere) * (value / mean));
}
