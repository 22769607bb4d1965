import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { countStandstill } from "./standstill.ts";

/** How fast this host is, and how much of its time somebody gets: what deadlines about a healthy guest stretch by. */
export interface Pace {
  /** How many times as long as in the table of time-outs things take here while nothing else runs: 1 or more. */
  readonly factor: number;
  /**
   * Begin to count the time that is taken away, that in which nothing ran at all included: what is returned tells it,
   * in milliseconds since now. Never more than has passed.
   */
  count(): () => number;
  /** Told when a deadline was reached and then stretched. */
  readonly onStretch?: ((stretch: Stretch) => void) | undefined;
}

/** A deadline that was stretched. Milliseconds. */
export interface Stretch {
  readonly what: string;
  readonly elapsed: number;
  /** What the host gave of it. */
  readonly served: number;
}

/** What a thread waited for a processor since it was started, in milliseconds. */
type Waits = ReadonlyMap<string, number>;

interface Look {
  readonly at: number;
  readonly waits: Waits;
  readonly steal: number;
  readonly busy: number;
}

/** Many short waits begin within this time: they share a look. Milliseconds. */
const freshFor = 250;

/**
 * The pace of a process, such as QEMU: what the kernel says its threads waited for a processor while they could have
 * run, and what a hypervisor below this host took from it. The most hindered thread counts: the others wait for it.
 * This process counts too, for what it does not read in time seems not to have come.
 *
 * @see https://docs.kernel.org/scheduler/sched-stats.html (/proc/<pid>/schedstat)
 * @see https://man7.org/linux/man-pages/man5/proc_stat.5.html (steal)
 * @example const lost = processPace(qemu.pid, { factor: 1 }).count(); ...; lost() // 7200 on a host that is busy
 */
export function processPace(
  pid: number,
  options: { readonly factor: number; readonly onStretch?: Pace["onStretch"] },
): Pace {
  let last: Look | undefined;
  const look = (fresh: number): Look => {
    if (last === undefined || performance.now() - last.at > fresh)
      last = { at: performance.now(), waits: new Map([...waitsOf(pid), ...waitsOf("self")]), ...readSteal() };
    return last;
  };
  return {
    ...options,
    count: () => {
      const from = look(freshFor);
      const standstill = countStandstill();
      return () => {
        const stood = standstill();
        const to = look(0);
        return stood + lostBetween(from, { ...to, at: to.at - stood });
      };
    },
  };
}

/** Pure. @example lostBetween(from, to) // milliseconds */
export function lostBetween(from: Look, to: Look): number {
  const elapsed = Math.max(0, to.at - from.at);
  let waited = 0;
  for (const [thread, wait] of to.waits) waited = Math.max(waited, wait - (from.waits.get(thread) ?? wait));
  waited = Math.min(waited, elapsed);
  const steal = to.steal - from.steal;
  const stolen = steal > 0 ? steal / (steal + Math.max(0, to.busy - from.busy)) : 0;
  return waited + (elapsed - waited) * stolen;
}

/**
 * The pace of any program of this host, from how many want to run and how many can: for waits for programs whose
 * processes come and go. Where the kernel tells nothing, nothing is lost.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_loadavg.5.html
 */
export const hostPace: Pace = {
  factor: 1,
  count: () => {
    const start = performance.now();
    const standstill = countStandstill();
    return () => {
      const stood = standstill();
      return stood + (performance.now() - start - stood) * (1 - 1 / crowd());
    };
  },
};

/** How many of those who want to run there are for each processor: at least 1. */
export function crowd(): number {
  const [load = "", , , running = ""] = read("/proc/loadavg").split(" ");
  const wanting = Math.max(Number(load) || 0, Number.parseInt(running, 10) || 0);
  return Math.max(1, wanting / availableParallelism());
}

function waitsOf(pid: number | "self"): [string, number][] {
  const tasks = `/proc/${pid}/task`;
  const waits: [string, number][] = [];
  for (const thread of list(tasks)) {
    // Nanoseconds on a processor, nanoseconds waiting for one, turns.
    const wait = Number(read(`${tasks}/${thread}/schedstat`).split(" ")[1]);
    if (Number.isFinite(wait)) waits.push([thread, wait / 1e6]);
  }
  return waits;
}

/** In the kernel's ticks: only their ratio counts. */
function readSteal(): { steal: number; busy: number } {
  const line = /^cpu +(.*)$/m.exec(read("/proc/stat"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, steal = 0] = line
    .split(" ")
    .map(Number);
  return { steal, busy: user + nice + system + interrupts + softInterrupts };
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // A thread that has ended, or a host that does not tell.
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
