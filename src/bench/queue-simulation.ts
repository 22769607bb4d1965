/** A campaign over kernels that have to be built, on workers that share what is built. */
export interface SimulatedCampaign {
  readonly workers: number;
  /** Kernels to be built, each once, by one worker. */
  readonly kernels: number;
  /** Of each kernel. */
  readonly trials: number;
  /** Seconds. */
  readonly build: number;
  /** Seconds; each trial takes something between half and half as much again. */
  readonly trial: number;
  /** Seconds that the database is busy with a trial, one after the other. */
  readonly queue: number;
  readonly seed: number;
}

/** What a simulated campaign comes to. */
export interface Simulated {
  /** Seconds of virtual time until the last trial has ended. */
  readonly seconds: number;
  readonly trialsPerHour: number;
}

/**
 * Run a campaign in virtual time, by the rules of the workers: a build is taken before trials, a kernel's trials are
 * there when it is built, and every trial goes through one database. Pure.
 *
 * @example simulateCampaign({ workers: 200, kernels: 20, trials: 500, build: 300, trial: 20, queue: 0.01, seed: 1 })
 */
export function simulateCampaign(campaign: SimulatedCampaign): Simulated {
  const { workers, kernels, trials, build, trial, queue } = campaign;
  const random = generator(campaign.seed);
  /** Moments at which somebody is free, and when trials of a kernel are to be had. */
  const free = new Moments();
  for (let worker = 0; worker < workers; worker += 1) free.add(0);
  const ready = new Moments();
  let toBuild = kernels;
  let open = 0;
  let left = kernels * trials;
  let database = 0;
  let last = 0;
  while (left > 0) {
    let now = free.take();
    if (toBuild > 0) {
      toBuild -= 1;
      ready.add(now + build);
      free.add(now + build);
      continue;
    }
    while (ready.size > 0 && (ready.first <= now || open === 0)) {
      now = Math.max(now, ready.take());
      open += trials;
    }
    open -= 1;
    left -= 1;
    const began = Math.max(now, database);
    database = began + queue;
    const ended = database + trial * (0.5 + random());
    last = Math.max(last, ended);
    free.add(ended);
  }
  return { seconds: last, trialsPerHour: (3600 * kernels * trials) / last };
}

/** What binds a campaign. */
export type Bound = "workers" | "builds" | "database";

/**
 * The least time that a campaign can take, and why: the workers' time for all there is to do, a build and then
 * all trials, the database's time for all trials. Pure.
 *
 * @returns seconds, and which of the three it is.
 */
export function leastSeconds(campaign: Omit<SimulatedCampaign, "seed">): {
  readonly seconds: number;
  readonly bound: Bound;
} {
  const { workers, kernels, trials, build, trial, queue } = campaign;
  const bounds: readonly [Bound, number][] = [
    ["workers", (kernels * (build + trials * trial)) / workers],
    // Before the first build has ended there is nothing to try, however many wait for it.
    ["builds", build + (kernels * trials * trial) / workers],
    ["database", build + kernels * trials * queue],
  ];
  const [bound, seconds] = bounds.reduce((most, each) => (each[1] > most[1] ? each : most));
  return { bound, seconds };
}

/** Numbers from 0 to 1, the same for the same seed. @see https://en.wikipedia.org/wiki/Lehmer_random_number_generator */
function generator(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Moments in order: a binary heap. */
class Moments {
  readonly #heap: number[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): number {
    return this.#heap[0] ?? Number.POSITIVE_INFINITY;
  }

  add(moment: number): void {
    const heap = this.#heap;
    let at = heap.push(moment) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] ?? 0) <= moment) break;
      heap[at] = heap[parent] ?? 0;
      at = parent;
    }
    heap[at] = moment;
  }

  take(): number {
    const heap = this.#heap;
    const [top = 0] = heap;
    const moment = heap.pop() ?? 0;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && (heap[right] ?? 0) < (heap[left] ?? 0) ? right : left;
      if ((heap[child] ?? 0) >= moment) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    heap[at] = moment;
    return top;
  }
}
