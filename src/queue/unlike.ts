/** What one worker saw in one cell. */
export interface Seen {
  readonly worker: string;
  readonly cell: string;
  readonly reproduced: boolean;
}

/** A worker whose results in a cell differ from the others' by more than chance. */
export interface Unlike {
  readonly worker: string;
  readonly cell: string;
  /** Its trials that reproduced, and all of its trials there; then the same of the others. */
  readonly own: readonly [number, number];
  readonly others: readonly [number, number];
  /** How likely so large a difference is by chance. */
  readonly chance: number;
}

/**
 * Workers that are unlike the others: in each cell each worker is held against the rest by Fisher's exact test, and
 * what is told is as unlikely as asked also when all these looks are counted. Pure.
 *
 * @see https://en.wikipedia.org/wiki/Fisher%27s_exact_test
 * @example unlikeWorkers([{ worker: "a", cell: "6.1.115", reproduced: true }]) // []
 */
export function unlikeWorkers(seen: readonly Seen[], level = 0.001): Unlike[] {
  const cells = Map.groupBy(seen, ({ cell }) => cell);
  const looks = [...cells].flatMap(([cell, trials]) => {
    const workers = Map.groupBy(trials, ({ worker }) => worker);
    if (workers.size < 2) return [];
    return [...workers].map(([worker, own]): Unlike => {
      const bad = (list: readonly Seen[]): number => list.filter(({ reproduced }) => reproduced).length;
      const [ownBad, allBad] = [bad(own), bad(trials)];
      const others = [allBad - ownBad, trials.length - own.length] as const;
      const chance = fisher(ownBad, own.length, others[0], others[1]);
      return { worker, cell, own: [ownBad, own.length], others, chance };
    });
  });
  return looks.filter(({ chance }) => chance * looks.length < level).sort((a, b) => a.chance - b.chance);
}

/** The chance of a table at least as uneven: `a` of `n` here, `b` of `m` there. */
export function fisher(a: number, n: number, b: number, m: number): number {
  const bad = a + b;
  const logs = [0];
  for (let value = 1; value <= n + m; value += 1) logs.push((logs[value - 1] ?? 0) + Math.log(value));
  const choose = (from: number, count: number): number =>
    (logs[from] ?? 0) - (logs[count] ?? 0) - (logs[from - count] ?? 0);
  const chanceOf = (here: number): number =>
    Math.exp(choose(n, here) + choose(m, bad - here) - choose(n + m, bad));
  const found = chanceOf(a);
  let sum = 0;
  for (let here = Math.max(0, bad - m); here <= Math.min(n, bad); here += 1) {
    const chance = chanceOf(here);
    if (chance <= found * (1 + 1e-9)) sum += chance;
  }
  return Math.min(1, sum);
}
