/** Where in a range the culprits lie that are looked for. */
const culprits = [0.15, 0.45];

/**
 * Which of a range's commits bisections build, in order: the newest one, then those of two halvings, a commit that was built before left out. A real bisection is cleverer, and its steps are not of
 * one size either; those of two checkouts are the same here.
 *
 * @param commits older ones first.
 * @example bisectionSteps(["a", "b", "c", "d"]) // ["d", "b", "a", "c"]
 */
export function bisectionSteps(commits: readonly string[]): string[] {
  const steps = new Set(commits.slice(-1));
  for (const culprit of culprits) {
    let [good, bad] = [-1, commits.length - 1];
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      steps.add(commits[middle] ?? "");
      if (middle >= culprit * commits.length) bad = middle;
      else good = middle;
    }
  }
  return [...steps];
}
