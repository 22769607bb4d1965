import { foldersOf } from "../../kernel/compiled-files.ts";

/**
 * How many times as likely a commit is to be the one, before any trial, when it changes a file that is under suspicion;
 * and when it changes another one in the same folder. So a wrong suspicion costs about three trials more of a failure
 * that shows every time, and a right one saves as many; it is never believed against trials.
 */
const times = { file: 8, folder: 2 } as const;

/**
 * How likely each commit is to be the one before any trial, relative to each other; 1 in the mean.
 *
 * @param touched what each commit changes, the left end's first; empty for what is not known.
 * @param suspects files, or folders and all below them, as paths from the top of the tree.
 * @example suspicions([[], ["io_uring/tctx.c"], ["mm/mmap.c"]], ["io_uring/tctx.c"]) // [1, 1.78, 0.22]
 */
export function suspicions(
  touched: readonly (readonly string[])[],
  suspects: readonly string[],
): readonly number[] {
  const named = new Set(suspects.map((path) => path.replace(/\/+$/, "")));
  const near = new Set(
    [...named].flatMap((path) => (/\.\w+$/.test(path) ? foldersOf(path).slice(0, 1) : [])),
  );
  const timesOf = (path: string): number => {
    if ([path, ...foldersOf(path)].some((place) => named.has(place))) return times.file;
    return foldersOf(path)
      .slice(0, 1)
      .some((folder) => near.has(folder))
      ? times.folder
      : 1;
  };
  const weights = touched.map((paths) => paths.map(timesOf).reduce((most, one) => Math.max(most, one), 1));
  // The left end is no candidate for what changed it.
  const [, ...own] = weights;
  const mean = own.reduce((sum, weight) => sum + weight, 0) / Math.max(own.length, 1);
  return weights.map((weight, index) => (index === 0 ? 1 : weight / mean));
}
