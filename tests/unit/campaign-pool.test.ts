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
