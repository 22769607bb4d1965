import { setImmediate } from "node:timers/promises";

interface Task {
  /** Seconds that it still needs, of the clock or of one core. */
  left: number;
  /** Cores that it would use; 0: it waits. */
  readonly cores: number;
  readonly done: () => void;
}

/** A host whose cores are shared evenly by what computes on them, with a clock that leaps from event to event. */
export class SimulatedHost {
  readonly #cores: number;
  readonly #tasks = new Set<Task>();
  /** Seconds since it was started. */
  time = 0;

  constructor(cores: number) {
    this.#cores = cores;
  }

  /** Compute what takes so long on so many cores where nobody else wants them. */
  async compute(seconds: number, cores: number): Promise<void> {
    await this.#task(seconds * cores, cores);
  }

  async wait(seconds: number): Promise<void> {
    await this.#task(seconds, 0);
  }

  /** Let time go on until the work has ended. */
  async run(work: Promise<void>): Promise<void> {
    let ended = false;
    const all = work.finally(() => {
      ended = true;
    });
    while (!ended) {
      // Whoever was told that something is done goes on first.
      await setImmediate();
      this.#leap();
    }
    await all;
  }

  async #task(left: number, cores: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tasks.add({ left, cores, done: resolve });
    await promise;
  }

  #leap(): void {
    const tasks = [...this.#tasks];
    const wanted = tasks.reduce((sum, { cores }) => sum + cores, 0);
    const share = wanted > this.#cores ? this.#cores / wanted : 1;
    const speed = ({ cores }: Task): number => (cores === 0 ? 1 : cores * share);
    const next = Math.min(...tasks.map((task) => task.left / speed(task)));
    if (!Number.isFinite(next)) return;
    this.time += next;
    for (const task of tasks) {
      task.left -= next * speed(task);
      if (task.left > 1e-9) continue;
      this.#tasks.delete(task);
      task.done();
    }
  }
}
