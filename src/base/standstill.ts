import { readFileSync } from "node:fs";
// Imported, not the global ones: a test that makes time pass does not stop this process.
import { performance } from "node:perf_hooks";
import { setInterval } from "node:timers";

/** How often it is looked whether this process runs. Milliseconds. */
const period = 250;
/** A shorter standstill is none: a disk that is slow, a file that is read. Milliseconds. */
const least = 1_000;

/** What a meter reads. Milliseconds. */
export interface Clocks {
  readonly now: () => number;
  /** What the process has run, or waited for a processor. */
  readonly wanted: () => number;
}

/**
 * Adds up the time in which a process stood still: stopped by SIGSTOP or Ctrl-Z, or frozen with its container. Time
 * in which it ran, or waited for a processor, is none of it. It has to be looked at often.
 *
 * @example
 * const meter = new StandstillMeter(clocks);
 * meter.look(); // 0
 * meter.look(); // 60000, if a minute is missing since
 */
export class StandstillMeter {
  readonly #clocks: Clocks;
  #at: number;
  #wanted: number;
  #total = 0;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
    this.#at = clocks.now();
    this.#wanted = clocks.wanted();
  }

  /** All of it until now, in milliseconds. */
  look(): number {
    const at = this.#clocks.now();
    const wanted = this.#clocks.wanted();
    const missing = at - this.#at - period - Math.max(0, wanted - this.#wanted);
    if (missing >= least) this.#total += missing;
    this.#at = at;
    this.#wanted = wanted;
    return this.#total;
  }
}

let meter: StandstillMeter | undefined;

/**
 * Begin to count the time in which this process stands still: what is returned tells it, in milliseconds since now. A
 * host that sleeps needs none of this, for its clock sleeps as well.
 *
 * @see https://docs.kernel.org/scheduler/sched-stats.html (/proc/<pid>/schedstat)
 * @example const stood = countStandstill(); ...; stood() // 60000 after a minute behind Ctrl-Z
 */
export function countStandstill(): () => number {
  // One for the process, as there is one clock: it has to have begun before what it is to notice.
  meter ??= watched(new StandstillMeter({ now: () => performance.now(), wanted }));
  const own = meter;
  const from = own.look();
  return () => own.look() - from;
}

function watched(started: StandstillMeter): StandstillMeter {
  setInterval(() => started.look(), period).unref();
  return started;
}

/** What the main thread ran and waited for a processor. */
function wanted(): number {
  try {
    const [ran = 0, waited = 0] = readFileSync("/proc/self/schedstat", "latin1").split(" ").map(Number);
    return (ran + waited) / 1e6;
  } catch {
    // A host that does not tell.
    return process.cpuUsage().user / 1e3;
  }
}
