import { command } from "../../base/command.ts";
import type { Context } from "../../base/context.ts";
import { timeouts } from "../../base/timeouts.ts";
import type { Candidate } from "./candidates.ts";

/** For each commit's id, the paths that it changes; a merge has none of its own. */
export type TouchedPaths = ReadonlyMap<string, readonly string[]>;

/** The id of a commit that is a candidate; empty for what is none. */
export function idOfCommit({ cell }: Pick<Candidate, "cell">): string {
  return /^git:.*@([0-9a-f]{40})/s.exec(cell.kernel)?.[1] ?? "";
}

/**
 * What the commits of a range change.
 *
 * @param candidates the left end first.
 * @throws {InfraError} when git cannot tell.
 */
export async function touchedPaths(
  candidates: readonly Candidate[],
  tree: string,
  { signal }: Pick<Context, "signal">,
): Promise<TouchedPaths> {
  const [left, right] = [candidates[0], candidates.at(-1)];
  if (!left || !right) return new Map();
  const range = `${idOfCommit(left)}..${idOfCommit(right)}`;
  const how = ["-c", "core.quotePath=false", "log", "--no-renames", "--name-only", "--format=%x00%H"];
  const { stdout } = await command(["git", "-C", tree, ...how, range], { within: timeouts.host.git, signal });
  return new Map(
    stdout.split("\0").flatMap((part) => {
      const [id = "", ...paths] = part.split("\n").filter(Boolean);
      return id === "" ? [] : [[id, paths] as const];
    }),
  );
}
