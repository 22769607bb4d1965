import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Pace } from "../../src/base/pace.ts";
import { withDeadline } from "../../src/base/wait.ts";
import { GuestProcess, type StallOptions, type WaitOutcome } from "../../src/guest/process.ts";
import type { CommandChannel, CommandExit } from "../../src/guest/ssh.ts";
import type { WayIn } from "../../src/guest/way-in.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a job does, in seconds that the host gave. */
interface Script {
  /** How much of the time others take from the machine. */
  readonly busy: number;
  /** When it stops to do anything. */
  readonly worksUntil?: number;
  /** How long one of its rounds takes, and how many there are. It ends with the last one. */
  readonly rounds?: { readonly seconds: number; readonly count: number };
}

/** Wait for a job that goes by a script: how that ends, and after how many seconds of the clock. */
async function waitFor(
  script: Script,
  options: StallOptions,
): Promise<{ seconds: number; outcome: WaitOutcome }> {
  const { busy, rounds, worksUntil = Number.POSITIVE_INFINITY } = script;
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1000;
  const given = (): number => elapsed() * (1 - busy);
  const pace: Pace = {
    factor: 1,
    count: () => {
      const from = performance.now();
      return () => (performance.now() - from) * busy;
    },
  };
  const guest: WayIn = {
    machine: {
      pace,
      race: async (what, limits, work) => await withDeadline(what, { ...limits, pace }, work),
    },
    quick: async () => ({
      ...told,
      stdout: `${100 + elapsed()}\n${sampleOf(Math.min(given(), worksUntil))}`,
    }),
  };
  const channel: CommandChannel = Object.assign(new PassThrough(), {
    stderr: new PassThrough(),
    close: () => {},
    setWindow: () => {},
  });
  let exit: CommandExit | undefined;
  const command = {
    channel,
    get exit() {
      return exit;
    },
  };
  const adopted = GuestProcess.adopt(guest, command, { signal: new AbortController().signal });
  channel.write("132\n");
  const job = await adopted;
  if (rounds) {
    const end = ((rounds.seconds * rounds.count) / (1 - busy)) * 1000;
    setTimeout(() => {
      exit = { exitCode: 0, signal: null };
      channel.emit("close");
    }, end);
  }
  const progress = (): number => Math.floor(given() / (rounds?.seconds ?? 1));
  let outcome: WaitOutcome | undefined;
  const waiting = job
    .untilExitOrStall({ ...options, ...(rounds ? { progress } : {}) })
    .then((seen) => (outcome = seen));
  while (outcome === undefined) await vi.advanceTimersToNextTimerAsync();
  await waiting;
  return { seconds: Math.round(elapsed()), outcome };
}

const told = { stderr: "", exitCode: 0, signal: null, truncated: false } as const;

/** One thread that has run for so many seconds, as the guest's sampler prints it. */
function sampleOf(seconds: number): string {
  return [
    "/proc/132/stat:132 (node) S 1 132 132 0",
    "/proc/132/task/132/stat:132 (node) S 1 132 132 0",
    "/proc/132/task/132/wchan:do_epoll_wait",
    `/proc/132/task/132/schedstat:${Math.round(seconds * 1e9)} 0 1`,
    "sampled\n",
  ].join("\n");
}

const deadline = "240s";

describe("a job that works on", () => {
  test.each([
    ["is late at its deadline on a quiet host", 0, 240],
    ["has the time that others took from a busy host as well", 0.8, 1200],
    ["is late some day where the host gives nothing to speak of", 0.99, 2400],
  ])("%s", async (_name, busy, seconds) => {
    const seen = await waitFor({ busy }, { deadline });
    expect(seen.outcome).toMatchObject({ type: "deadline", working: "CPU time" });
    expect(seen.seconds).toBeGreaterThanOrEqual(seconds);
    expect(seen.seconds).toBeLessThan(seconds + 10);
  });

  test("is late by the clock where that is what counts", async () => {
    const { seconds, outcome } = await waitFor({ busy: 0.8 }, { deadline, byTheClock: true });
    expect(outcome.type).toBe("deadline");
    expect(seconds).toBeLessThan(250);
  });
});

describe("a job that tells its rounds", () => {
  test.each([0, 0.8])(
    "ends by itself when it advances at its deadline (%d of the time is taken)",
    async (busy) => {
      const { outcome } = await waitFor({ busy, rounds: { seconds: 48, count: 10 } }, { deadline });
      expect(outcome).toMatchObject({ type: "exit", exit: { exitCode: 0 } });
    },
  );

  test("is late when it would take more than four times its deadline", async () => {
    const { seconds, outcome } = await waitFor(
      { busy: 0, rounds: { seconds: 48, count: 100 } },
      { deadline },
    );
    expect(outcome.type).toBe("deadline");
    expect(seconds).toBeGreaterThanOrEqual(960);
    expect(seconds).toBeLessThan(970);
  });

  test("is late at its deadline when it does not come to the end of its first", async () => {
    const { seconds } = await waitFor({ busy: 0, rounds: { seconds: 300, count: 1 } }, { deadline });
    expect(seconds).toBeLessThan(250);
  });
});

describe("a job that stops to do anything", () => {
  test.each([
    ["stalls after eight seconds", 0, 8],
    ["has had no chance to do anything in time that others had", 0.8, 40],
  ])("%s", async (_name, busy, seconds) => {
    const seen = await waitFor({ busy, worksUntil: 20 }, { deadline });
    expect(seen.outcome.type).toBe("stall");
    const quiet = seen.seconds - 20 / (1 - busy);
    expect(Math.round(quiet)).toBeGreaterThanOrEqual(seconds);
    expect(quiet).toBeLessThan(seconds + 10);
  });

  test("is not called working at its deadline", async () => {
    const { outcome } = await waitFor({ busy: 0, worksUntil: 5 }, { deadline: "10s" });
    expect(outcome).toMatchObject({ type: "deadline", working: undefined });
  });
});
