/**
 * Which hypotheses a test can see. With n candidates there are n + 2 hypotheses: 0, the good end is bad
 * already; 1..n, that candidate is the first bad one; n + 1, nothing is bad. There are n + 1 tests: 0, the good
 * end; 1..n, that candidate; n is the bad end. A test covers the hypotheses under which it is bad.
 */
export interface History {
  readonly candidates: number;
  /** Whether test t covers just the hypotheses 0..t. */
  readonly linear: boolean;
  covers(test: number, hypothesis: number): boolean;
  /** The hypotheses that a test covers. */
  covered(test: number): Iterable<number>;
}

/** Candidates in a row, the oldest first. @example linearHistory(10) */
export function linearHistory(candidates: number): History {
  return {
    candidates,
    linear: true,
    covers: (test, hypothesis) => hypothesis <= test,
    covered: function* (test) {
      for (let hypothesis = 0; hypothesis <= test; hypothesis += 1) yield hypothesis;
    },
  };
}

/**
 * Candidates with merges: a commit is bad when the first bad one is among its ancestors or is itself, as
 * `git bisect` has it.
 *
 * @param parents for each candidate 1..n in topological order (parents first) the numbers of its parents among
 *   the candidates; entry 0 is not used.
 * @see https://git-scm.com/docs/git-bisect-lk2009
 */
export function mergedHistory(parents: readonly (readonly number[])[]): History {
  const candidates = parents.length - 1;
  if (parents.every((list, index) => index < 2 || (list.length === 1 && list[0] === index - 1)))
    return linearHistory(candidates);
  const sets: Uint32Array[] = [];
  const words = Math.ceil((candidates + 2) / 32);
  for (let test = 0; test <= candidates; test += 1) {
    const set = new Uint32Array(words);
    for (const hypothesis of [0, test])
      set[hypothesis >>> 5] = (set[hypothesis >>> 5] ?? 0) | (1 << (hypothesis & 31));
    for (const parent of parents[test] ?? []) {
      const inherited = sets[parent];
      if (inherited)
        for (let word = 0; word < words; word += 1) set[word] = (set[word] ?? 0) | (inherited[word] ?? 0);
    }
    sets.push(set);
  }
  const covers = (test: number, hypothesis: number): boolean =>
    (((sets[test]?.[hypothesis >>> 5] ?? 0) >>> (hypothesis & 31)) & 1) === 1;
  return {
    candidates,
    linear: false,
    covers,
    covered: function* (test) {
      const set = sets[test] ?? new Uint32Array(0);
      for (let word = 0; word < words; word += 1)
        for (let bits = set[word] ?? 0; bits !== 0; bits &= bits - 1)
          yield word * 32 + (31 - Math.clz32(bits & -bits));
    },
  };
}
