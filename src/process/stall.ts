import type { ProcessSnapshot, Thread } from "./threads.ts";

/** What one look at a job showed. */
export interface Sample {
  /** Milliseconds on the guest's own clock, so that a paused or slow machine does not make a job look stalled. */
  readonly at: number;
  /** Bytes it has printed so far. */
  readonly output: number;
  readonly processes: readonly ProcessSnapshot[];
}

export interface StallPolicy {
  /** How long nothing may happen before the job counts as stalled, in milliseconds of the guest. */
  readonly quiet: number;
  /** Share of one CPU below which CPU use is no progress: a timer that ticks, not work that advances. */
  readonly cpuShare: number;
  /**
   * Reads and writes a second, and bytes a second, up to which I/O is a wake-up and no work; a burst of four
   * seconds' worth is let pass at any time. V8's memory
   * reducer, for one, wakes an idle Node every 8 s through an eventfd.
   */
  readonly ioCalls: number;
  readonly ioBytes: number;
  /** Looks in a row that must agree, whatever the time between them. */
  readonly samples: number;
}

export const defaultStallPolicy: StallPolicy = {
  quiet: 8_000,
  cpuShare: 0.005,
  ioCalls: 1,
  ioBytes: 512,
  samples: 4,
};

export type StallState =
  | { readonly type: "progress"; readonly because: string }
  | { readonly type: "quiet"; readonly since: number; readonly for: number }
  | { readonly type: "stalled"; readonly since: number; readonly for: number };

/**
 * Decides from samples whether a job makes progress. Progress is: output, I/O, CPU time beyond a ticking
 * timer's, a thread that is running or was woken often, a thread or process that came or went, a sleep with
 * an end (nanosleep). Only when none of it was seen for the whole quiet time is the job stalled.
 *
 * @example
 * const stall = new StallDetector();
 * stall.observe({ at: 0, output: 0, processes }); // { type: "progress", because: "first look" }
 */
export class StallDetector {
  readonly #policy: StallPolicy;
  #quiet: { first: Sample; count: number } | undefined;

  constructor(policy: Partial<StallPolicy> = {}) {
    this.#policy = { ...defaultStallPolicy, ...policy };
  }

  observe(sample: Sample): StallState {
    const before = this.#quiet?.first;
    const because = before ? progressBetween(before, sample, this.#policy) : "first look";
    if (because !== undefined || !this.#quiet) {
      this.#quiet = { first: sample, count: 1 };
      return { type: "progress", because: because ?? "first look" };
    }
    this.#quiet.count += 1;
    const since = this.#quiet.first.at;
    const lasted = sample.at - since;
    const stalled = lasted >= this.#policy.quiet && this.#quiet.count >= this.#policy.samples;
    return { type: stalled ? "stalled" : "quiet", since, for: lasted };
  }
}

function progressBetween(before: Sample, after: Sample, policy: StallPolicy): string | undefined {
  if (after.output !== before.output) return "output";
  const total = (sample: Sample, of: (process: ProcessSnapshot) => number): number =>
    sample.processes.reduce((sum, process) => sum + of(process), 0);
  const elapsed = Math.max(after.at - before.at, 1);
  const grew = (of: (process: ProcessSnapshot) => number): number => total(after, of) - total(before, of);
  const allowed = (perSecond: number): number => (perSecond * elapsed) / 1000 + perSecond * 4;
  if (grew((p) => p.io.calls) > allowed(policy.ioCalls) || grew((p) => p.io.bytes) > allowed(policy.ioBytes))
    return "I/O";
  const threads = (sample: Sample): Thread[] => sample.processes.flatMap((process) => process.threads);
  const ids = (sample: Sample): string =>
    threads(sample)
      .map((thread) => thread.tid)
      .join();
  if (ids(after) !== ids(before)) return "threads";
  const cpu = (sample: Sample): number => threads(sample).reduce((sum, thread) => sum + thread.cpuTime, 0);
  // cpuTime is in nanoseconds, the clock in milliseconds.
  if ((cpu(after) - cpu(before)) / 1e6 > elapsed * policy.cpuShare) return "CPU time";
  if (threads(after).some(sleepsWithAnEnd)) return "a sleep that will end";
  return undefined;
}

/** nanosleep and clock_nanosleep, seen through where they wait. */
function sleepsWithAnEnd(thread: Thread): boolean {
  return thread.state === "S" && /^(hrtimer_nanosleep|do_nanosleep|common_nsleep)/.test(thread.wchan);
}
