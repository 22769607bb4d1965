import { readSettings } from "../base/settings.ts";
import { type Size, toBytes } from "../base/size.ts";
import { hostRoom, undisturbedJobs } from "../campaign/pool.ts";

/**
 * How many workers may run tests with machines side by side, for `maxWorkers` in a vitest.config.ts: as many
 * machines as this host's memory holds and its processors carry. Tests wait for memory by themselves; this keeps
 * them from slowing each other down.
 *
 * @param shape of the largest machine that the tests ask for. Default: 2 processors and 1 GiB, as `test` has it.
 * @example defineConfig({ test: { maxWorkers: machineWorkers({ memory: "2GiB" }) } })
 */
export function machineWorkers(shape: { readonly cpus?: number; readonly memory?: Size } = {}): number {
  const { cpus = 2, memory = "1GiB" } = shape;
  return undisturbedJobs({ cpus, memory: toBytes(memory) }, hostRoom(readSettings()));
}
