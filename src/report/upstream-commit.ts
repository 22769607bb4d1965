import type { Upstream } from "../campaign/bisect/upstream.ts";

/** What a stable commit is a copy of, and who carries it, in a sentence or two. */
export function describeUpstream({ commit, fixes, releases }: Upstream): string {
  const mends = fixes.length === 0 ? "" : ` (it says it fixes ${fixes.join(", ")})`;
  const carried =
    releases.length === 0
      ? "no tag of the tree holds it"
      : `by the tags of the tree it is in ${releases.join(", ")} and what came after in each line`;
  return `It is upstream's commit ${commit.slice(0, 12)}${mends}; ${carried}.`;
}
