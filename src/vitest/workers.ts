/// <reference types="node" preserve="true" />
import { readSettings } from "../base/settings.ts";
import { hostRoom, undisturbedJobs } from "../campaign/pool.ts";
import { type MachineShape, shapeOf } from "../lab/shape.ts";

/**
 * How many workers may run tests with machines side by side, for `maxWorkers` in a vitest.config.ts: as many
 * machines as this host's memory holds and its processors carry. Tests wait for memory by themselves; this keeps
 * them from slowing each other down.
 *
 * @param shape of the largest machine that the tests ask for. Default: 2 processors and 1 GiB, as `test` has it.
 * @example defineConfig({ test: { maxWorkers: machineWorkers({ memory: "2GiB" }) } })
 */
export function machineWorkers(shape: MachineShape = {}): number {
  return undisturbedJobs(shapeOf(shape), hostRoom(readSettings()));
}
