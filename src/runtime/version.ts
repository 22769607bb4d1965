/** Order two versions such as `20.9.0` by their numbers. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (let index = 0; index < 3; index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Some of the known versions around a wanted one.
 *
 * @example nearestVersions("20.99.0", ["20.18.0", "20.19.0", "21.0.0"])
 */
export function nearestVersions(wanted: string, known: readonly string[], count = 6): string[] {
  const sorted = [...known].sort(compareVersions);
  const place = sorted.filter((version) => compareVersions(version, wanted) < 0).length;
  const start = Math.max(0, Math.min(place - Math.ceil(count / 2), sorted.length - count));
  return sorted.slice(start, start + count);
}
