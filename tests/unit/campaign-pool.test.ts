import { describe, expect, test } from "vitest";
import { defaultJobs, runJobs, runPool, undisturbedJobs } from "../../src/campaign/pool.ts";
import { reservationFor } from "../../src/machine/room.ts";

const gib = 2 ** 30;
const signal = new AbortController().signal;

test.each([
  [2, 20 * gib, 2, 1],
  [16, 100 * gib, 9, 8],
  [16, 3 * reservationFor(2 * gib), 3, 3],
  [1, 20 * gib, 2, 1],
  [2, 1, 1, 1],
])(
  "a host of %i processors and %i bytes runs %i machines of 2 processors and 2 GiB, %i if none may slow another down",
  (cpus, bytes, jobs, undisturbed) => {
    const host = { cpus, room: { type: "budget", bytes } } as const;
    expect(defaultJobs({ cpus: 2, memory: 2 * gib }, host)).toBe(jobs);
    expect(undisturbedJobs({ cpus: 2, memory: 2 * gib }, host)).toBe(undisturbed);
  },
);

test("a pool gives its results in the order of its items", async () => {
  const results = await runPool([3, 1, 2], { jobs: 2, signal }, async (item) => item * 10);
  expect(results).toEqual([30, 10, 20]);
});

describe("jobs that depend on each other", () => {
  test("are asked for as soon as a place is free, until there are none", async () => {
    const seen: number[] = [];
    let number = 0;
    await runJobs({ jobs: 3, signal }, async () => {
      number += 1;
      const own = number;
      return own > 10 ? undefined : async () => void seen.push(own);
    });
    expect(seen.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("that only wait make room for as many others as there are spare places", async () => {
    const ends = new Map<number, () => void>();
    const waits = new Map<number, () => void>();
    const running = (): number[] => [...ends.keys()];
    let number = 0;
    const jobs = runJobs({ jobs: 1, spare: 1, signal }, async () => {
      number += 1;
      const own = number;
      if (own > 4) return undefined;
      return async (_stop, onlyWaits) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        ends.set(own, resolve);
        waits.set(own, onlyWaits);
        await promise;
        ends.delete(own);
      };
    });
    await expect.poll(running).toEqual([1]);
    // Said twice, it makes room once.
    waits.get(1)?.();
    waits.get(1)?.();
    await expect.poll(running).toEqual([1, 2]);
    // There is one spare place.
    waits.get(2)?.();
    ends.get(2)?.();
    await expect.poll(running).toEqual([1, 3]);
    // Whose place was taken leaves: it is not taken twice.
    ends.get(1)?.();
    await expect.poll(running).toEqual([3]);
    waits.get(3)?.();
    await expect.poll(running).toEqual([3, 4]);
    for (const end of ends.values()) end();
    await jobs;
  });

  test("when one fails the others are told to stop and waited for", async () => {
    let [number, cleanedUp] = [0, false];
    const jobs = runJobs({ jobs: 2, signal }, async () => {
      number += 1;
      if (number === 1)
        return async (stop) => {
          await new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve()));
          await Promise.resolve();
          cleanedUp = true;
        };
      return async () => {
        throw new Error("the second one fails");
      };
    });
    await expect(jobs).rejects.toThrow("the second one fails");
    expect([number, cleanedUp]).toEqual([2, true]);
  });

  test("end with the caller's own reason when he stops them", async () => {
    const stop = new AbortController();
    const jobs = runJobs({ jobs: 1, signal: stop.signal }, async (own) => async () => {
      stop.abort(new Error("Ctrl-C"));
      own.throwIfAborted();
    });
    await expect(jobs).rejects.toThrow("Ctrl-C");
  });
});
