import type { Context } from "../base/context.ts";
import { Run, type RunOptions } from "../record/run.ts";
import type { FoundRepro } from "../repro/find.ts";
import { aboutRepro } from "../repro/rerun.ts";

/**
 * Do a command's work as a run: it has a folder whose `run.json` is whole at every moment, and says how it ended,
 * however it ends.
 *
 * @example await recorded(reproRun("check", found), context, async (run) => { ... });
 */
export async function recorded<Result>(
  options: RunOptions,
  context: Context,
  work: (run: Run) => Promise<Result>,
): Promise<Result> {
  await using run = await Run.open(options, context);
  try {
    const result = await work(run);
    await run.finish();
    return result;
  } catch (error) {
    await run.fail(error);
    throw error;
  }
}

/** A run of a command about a repro. */
export function reproRun(kind: string, { repro, file }: FoundRepro): RunOptions {
  return { kind, ...aboutRepro(repro), file };
}
