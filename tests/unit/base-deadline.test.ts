import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { served } from "../../src/base/deadline.ts";
import { DeadlineError } from "../../src/base/errors.ts";
import { hostPace, lostBetween, type Pace, processPace, type Stretch } from "../../src/base/pace.ts";
import { timeouts } from "../../src/base/timeouts.ts";
import { withDeadline } from "../../src/base/wait.ts";

/** A host that takes a share of the time away. */
const busy = (share: number, options: Partial<Pace> = {}): Pace => ({
  factor: 1,
  count: () => {
    const start = performance.now();
    return () => (performance.now() - start) * share;
  },
  ...options,
});

const ten = { milliseconds: 10_000, scales: true };
const forever = new Promise<never>(() => {});

describe("a deadline", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Seconds until a wait for nothing ends, and what it ends with. */
  async function lengthOf(within: Parameters<typeof withDeadline>[1]["within"], pace: Pace) {
    const start = performance.now();
    let failed: unknown;
    const waiting = withDeadline("the guest", { within, pace }, () => forever).catch((error: unknown) => {
      failed = error;
    });
    while (failed === undefined) await vi.advanceTimersToNextTimerAsync();
    await waiting;
    return { seconds: Math.round((performance.now() - start) / 1000), error: failed };
  }

  test.each([
    ["of the table is as long as it says on a quiet host", ten, busy(0), 10],
    ["of the table gets the time that others took from it", ten, busy(0.75), 40],
    ["of the table has an end on a host that gives nothing", ten, busy(1), 100],
    ["of the table is longer on a slower processor", ten, busy(0, { factor: 3 }), 30],
    ["of the table is longer on a slower processor that is busy", ten, busy(0.5, { factor: 3 }), 60],
    ["of the user's stays what the user said", "10s", busy(0.75, { factor: 3 }), 10],
    [
      "of the user's in time that the host gave takes no notice of the processor",
      served("10s"),
      busy(0.5, { factor: 3 }),
      20,
    ],
  ] as const)("%s", async (_name, within, pace, seconds) => {
    expect((await lengthOf(within, pace)).seconds).toBe(seconds);
  });

  test("that was stretched is told, while it is waited for and in the end", async () => {
    const told: Stretch[] = [];
    const { error } = await lengthOf(ten, busy(0.75, { onStretch: (stretch) => told.push(stretch) }));
    expect(error).toBeInstanceOf(DeadlineError);
    expect(String(error)).toContain(
      "waited 40.0 s, of which this busy host gave 10.0 s, for the guest, in vain",
    );
    expect(told[0]).toEqual({ what: "the guest", elapsed: 10_000, served: 2_500 });
    expect(String((await lengthOf(ten, busy(0))).error)).toContain("waited 10.0 s for the guest, in vain");
  });
});

test("what came while this process did not run is read before a deadline is told", async () => {
  const child = spawn("echo", ["here"]);
  const said = once(child.stdout, "data");
  const waiting = withDeadline("a word", { within: 50 }, async () => String(await said));
  // Its word comes now, and its deadline too.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  expect(await waiting).toBe("here\n");
});

describe("the pace", () => {
  const look = (at: number, waits: [string, number][], steal = 0, busyTicks = 0) => ({
    at,
    waits: new Map(waits),
    steal,
    busy: busyTicks,
  });

  test.each([
    ["nothing is lost where nobody waited", look(0, [["1", 7]]), look(1000, [["1", 7]]), 0],
    [
      "the most hindered thread counts",
      look(0, [
        ["1", 0],
        ["2", 100],
      ]),
      look(1000, [
        ["1", 300],
        ["2", 700],
      ]),
      600,
    ],
    [
      "a thread that was not there before is not blamed for its past",
      look(0, []),
      look(1000, [["9", 5000]]),
      0,
    ],
    ["no more is lost than has passed", look(0, [["1", 0]]), look(1000, [["1", 5000]]), 1000],
    ["what a hypervisor took is lost too", look(0, [["1", 0]]), look(1000, [["1", 500]], 50, 50), 750],
  ])("%s", (_name, from, to, lost) => {
    expect(lostBetween(from, to)).toBe(lost);
  });

  test("of a process that competes for one processor is what the others leave it", async () => {
    const spin = ["-c", "0", "sh", "-c", "while :; do :; done"];
    const [first] = [1, 2, 3]
      .map(() => spawn("taskset", spin, { stdio: "ignore" }))
      .map((child) => {
        onTestFinished(() => void child.kill("SIGKILL"));
        return child;
      });
    const lost = processPace(first?.pid ?? 0, { factor: 1 }).count();
    await expect.poll(lost, { timeout: 50_000 }).toBeGreaterThan(500);
  });

  test("of a process that is gone is no reason for an error", () => {
    expect(processPace(4_194_304, { factor: 1 }).count()()).toBeGreaterThanOrEqual(0);
    expect(hostPace.count()()).toBeGreaterThanOrEqual(0);
  });
});

describe("the table of time-outs", () => {
  const rows = Object.entries(timeouts).flatMap(([group, value]) =>
    "because" in value
      ? [[group, value] as const]
      : Object.entries(value).map(([name, row]) => [`${group}.${name}`, row] as const),
  );

  test.each(rows)("%s says why it is that long", (_name, { milliseconds, because }) => {
    expect(milliseconds).toBeGreaterThan(0);
    expect(because).toMatch(/^\S.{20,}[^.]$/);
  });
});
