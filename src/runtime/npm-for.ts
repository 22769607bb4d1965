/** Releases of npm and the oldest minor of each line of Node that they run on, newest first: `npm view npm@X engines`. */
const releases: readonly {
  readonly npm: string;
  readonly lines: Readonly<Record<number, number>>;
  readonly from: number;
}[] = [
  { npm: "10.8.2", lines: { 18: 17, 20: 5 }, from: 21 },
  { npm: "8.19.4", lines: { 12: 13, 14: 15 }, from: 16 },
];

/** Runs on everything from Node 6. */
const oldest = "6.14.18";

/**
 * An npm that runs on a Node: not always the one that came with it, which the registry's Node packages leave out.
 *
 * @param node a release or a line, such as `20.9.0` or `20`; a line is its newest release.
 * @example npmFor("20.9.0") // "10.8.2"
 */
export function npmFor(node: string): string {
  const [major = 0, minor = Number.POSITIVE_INFINITY] = node.split(".").map(Number);
  const fitting = releases.find(({ lines, from }) => major >= from || minor >= (lines[major] ?? Number.NaN));
  return fitting?.npm ?? oldest;
}
