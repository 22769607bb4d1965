/** Figures of repeated measurements. */
export interface Figures {
  readonly n: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/**
 * Minimum, median and maximum of measurements.
 *
 * @throws {RangeError} for an empty list.
 * @example figuresOf([3, 1, 2]) // { n: 3, min: 1, median: 2, max: 3 }
 */
export function figuresOf(values: readonly number[]): Figures {
  const sorted = [...values].sort((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new RangeError("figures of no measurement");
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? max;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? min) + upper) / 2;
  return { n: sorted.length, min, median, max };
}
