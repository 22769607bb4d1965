import { access } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import type { StoredRun } from "../record/read-run.ts";

/** A kept machine, and the trial that it is of. */
export interface FoundKept {
  readonly folder: string;
  /** The folder of the trial's evidence. */
  readonly trial: string;
}

/**
 * Where a run kept its machine: itself, or the last of its trials that did.
 *
 * @throws {UsageError} when it kept none.
 * @example const { folder } = await keptOf(await readRun(await findRun("last", settings)));
 */
export async function keptOf({ dir, record }: StoredRun): Promise<FoundKept> {
  const trials = [".", ...record.trials.map(({ folder }) => folder)].map((folder) => join(dir, folder));
  for (const trial of trials.toReversed()) {
    const folder = join(trial, "kept");
    const isThere = await access(join(folder, "kept.json")).then(
      () => true,
      () => false,
    );
    if (isThere) return { folder, trial };
  }
  throw new UsageError(`the run ${dir} kept no machine`, {
    next: "A run keeps the machine of a trial that is not clean with `dstate run REPRO --keep`.",
  });
}
