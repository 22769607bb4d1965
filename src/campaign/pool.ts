import { availableParallelism } from "node:os";
import pMap from "p-map";
import type { Settings } from "../base/settings.ts";
import { roomOf } from "../machine/lease.ts";
import { mostOf, type Room, reservationFor } from "../machine/room.ts";

export interface PoolShape {
  /** Processors of each machine. */
  readonly cpus: number;
  /** Bytes of memory of each machine. */
  readonly memory: number;
}

/** What the host has to give. */
export interface HostRoom {
  readonly cpus: number;
  readonly room: Room;
}

/**
 * How many machines to run side by side when nobody says: no more than fit into memory, and one machine more
 * than the processors would carry, for a trial of a hang waits more than it computes. Whatever is said, no
 * machine starts before there is room for it.
 *
 * @example defaultJobs({ cpus: 2, memory: 2 * 2 ** 30 }, { cpus: 2, room: { type: "budget", bytes: 20 * 2 ** 30 } }) // 2
 */
export function defaultJobs(shape: PoolShape, host: HostRoom): number {
  return Math.max(1, Math.min(fitting(shape, host), Math.ceil(host.cpus / shape.cpus) + 1));
}

/**
 * How many machines to run side by side where one must not slow another down: no more than fit into memory and
 * than the processors carry.
 *
 * @example undisturbedJobs({ cpus: 2, memory: 2 ** 30 }, { cpus: 8, room: { type: "budget", bytes: 20 * 2 ** 30 } }) // 4
 */
export function undisturbedJobs(shape: PoolShape, host: HostRoom): number {
  return Math.max(1, Math.min(fitting(shape, host), Math.floor(host.cpus / shape.cpus)));
}

function fitting({ memory }: PoolShape, { room }: HostRoom): number {
  return Math.floor(mostOf(room) / reservationFor(memory));
}

/** This host's processors, and what machines may take of its memory. */
export function hostRoom(settings: Pick<Settings, "memory">): HostRoom {
  return { cpus: availableParallelism(), room: roomOf(settings) };
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

/**
 * How many machines may be there beside those that compute, when nobody says, because all that is left of their trials
 * is to wait: a stuck process that is given its time to die computes nothing.
 *
 * @example sparePlaces(2, { cpus: 2, memory: 2 * 2 ** 30 }, { cpus: 2, room: { type: "budget", bytes: 20 * 2 ** 30 } }) // 4
 */
export function sparePlaces(jobs: number, shape: PoolShape, host: HostRoom): number {
  return Math.max(0, Math.min(fitting(shape, host) - jobs, 2 * jobs));
}

/** Work of a pool. Whoever does it may say that from now on it only waits, which makes room for another. */
export type Work = (signal: AbortSignal, onlyWaits: () => void) => Promise<void>;

/** Something to do, or nothing that anybody will ever do. */
export type NextWork = (signal: AbortSignal) => Promise<Work | undefined>;

/**
 * Run what `next` gives, at most `jobs` at a time, and `spare` more that only wait, where what is next depends on what
 * has ended. A place that is free asks at once; it stays free while `next` waits. Ends when every place was told that
 * nothing is left.
 *
 * @throws what the first failing work throws, when the others, told to stop, have ended too.
 */
export async function runJobs(
  options: { readonly jobs: number; readonly spare?: number; readonly signal: AbortSignal },
  next: NextWork,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let spare = options.spare ?? 0;
  const places = new Set<Promise<void>>();
  const open = (): void => {
    const filled = fill().catch((error: unknown) => stop.abort(error));
    places.add(filled);
    void filled.then(() => places.delete(filled));
  };
  const fill = async (): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const work = await next(signal);
      if (!work) return;
      let isHandedOver = false;
      await work(signal, () => {
        if (spare === 0 || isHandedOver) return;
        isHandedOver = true;
        spare -= 1;
        open();
      });
      if (!isHandedOver) continue;
      spare += 1;
      return;
    }
  };
  for (let job = 0; job < options.jobs; job += 1) open();
  while (places.size > 0) await Promise.all(places);
  stop.signal.throwIfAborted();
}

/**
 * Wait for works that run side by side; when one fails, the others are told to stop and waited for.
 *
 * @param stop aborts what the works listen to.
 * @throws what failed first.
 */
export async function together(stop: AbortController, works: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(
    works.map(
      async (work) =>
        await work.catch((error: unknown) => {
          // Only the first one's reason stays.
          stop.abort(error);
          throw error;
        }),
    ),
  );
  stop.signal.throwIfAborted();
}
