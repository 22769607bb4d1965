/** Share of commits that cannot be tried, before anything is known. */
const usual = 0.03;

/**
 * How likely each candidate can be built and booted, from the ones that could and those that could not. What
 * breaks a build stays in for a stretch of commits, so the neighbours of a broken one are probably broken too:
 * the place along the range is taken for a Markov chain of two states, whose broken stretches are a sixteenth of
 * the range long on average.
 *
 * @param states in the order of the candidates: what is known of each.
 * @returns for each candidate a probability above 0; 1 for those that were built.
 * @see https://git-scm.com/docs/git-bisect#_bisect_skip (git, too, tries to stay away from skipped commits)
 * @example chanceToBuild(["works", "unknown", "broken"]) // [1, 0.5…, 0.03…]
 */
export function chanceToBuild(states: readonly ("works" | "broken" | "unknown")[]): Float64Array {
  const length = Math.max(2, states.length / 16);
  const stay = Math.exp(-1 / length);
  const base = { works: 1 - usual, broken: usual };
  /** Probability of each state a distance away from a known one. */
  const after = (known: "works" | "broken" | undefined, distance: number) => {
    if (known === undefined) return base;
    const memory = stay ** distance;
    const works = base.works * (1 - memory) + (known === "works" ? memory : 0);
    return { works, broken: 1 - works };
  };
  const left = nearest(states);
  const right = nearest(states.toReversed()).reverse();
  return Float64Array.from(states, (state, index) => {
    if (state === "works") return 1;
    if (state === "broken") return usual;
    const [before, behind] = [left[index], right[index]];
    const a = after(before?.state, before?.distance ?? 0);
    // The chain looks the same backwards; the usual share would count twice.
    const b = after(behind?.state, behind?.distance ?? 0);
    const works = (a.works * b.works) / base.works;
    const broken = (a.broken * b.broken) / base.broken;
    return Math.max(works / (works + broken), usual);
  });
}

/** For each place, the last known state at or before it. */
function nearest(
  states: readonly ("works" | "broken" | "unknown")[],
): ({ state: "works" | "broken"; distance: number } | undefined)[] {
  let last: { state: "works" | "broken"; index: number } | undefined;
  return states.map((state, index) => {
    if (state !== "unknown") last = { state, index };
    return last && { state: last.state, distance: index - last.index };
  });
}
