import { availableParallelism, freemem } from "node:os";
import pMap from "p-map";

export interface PoolShape {
  /** Processors of each machine. */
  readonly cpus: number;
  /** Bytes of memory of each machine. */
  readonly memory: number;
}

/** What the host has to give. */
export interface HostRoom {
  readonly cpus: number;
  /** Bytes that can be taken without pushing anything out. */
  readonly memory: number;
}

/**
 * How many machines to run side by side when nobody says: never more memory than the host has free, a quarter
 * of it left alone. A trial of a hang waits more than it computes, so one machine more than the processors
 * would carry is worth it.
 *
 * @example defaultJobs({ cpus: 2, memory: 2 * 2 ** 30 }, { cpus: 2, memory: 20 * 2 ** 30 }) // 2
 */
export function defaultJobs(shape: PoolShape, room: HostRoom = hostRoom()): number {
  const byMemory = Math.floor((room.memory * 0.75) / shape.memory);
  const byCpus = Math.ceil(room.cpus / shape.cpus) + 1;
  return Math.max(1, Math.min(byMemory, byCpus));
}

/** This host's processors and free memory. */
export function hostRoom(): HostRoom {
  return { cpus: availableParallelism(), memory: freemem() };
}

/**
 * Run work for each item, at most `jobs` at a time, in order of the items. A slow item holds up only its own
 * place.
 *
 * p-map: bounded concurrency with an AbortSignal; typed, no dependencies.
 *
 * @throws what the first failing work throws.
 */
export async function runPool<Item, Result>(
  items: Iterable<Item>,
  options: { readonly jobs: number; readonly signal: AbortSignal },
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  return await pMap(items, work, { concurrency: options.jobs, signal: options.signal });
}
