import { InfraError } from "../base/errors.ts";
import { pause } from "../base/wait.ts";
import type { Queue, Recorded } from "./queue.ts";
import type { Needs } from "./work.ts";

/** Milliseconds between looks: a trial takes seconds at the least. */
const interval = 400;
/** One look in so many also asks whether a job was given up by all. */
const rarely = 25;

interface Awaited {
  readonly needs: Needs;
  readonly ended: PromiseWithResolvers<Recorded>;
}

/** Waits for the results of any number of jobs with one question at a time. */
export class Results implements Disposable {
  readonly #queue: Queue;
  readonly #signal: AbortSignal;
  readonly #awaited = new Map<string, Awaited>();
  #isLooking = false;
  #looks = 0;

  constructor(queue: Queue, signal: AbortSignal) {
    this.#queue = queue;
    this.#signal = signal;
    signal.addEventListener("abort", () => this[Symbol.dispose](), { once: true });
  }

  /** Jobs that are waited for, with what they need. */
  get pending(): [string, Needs][] {
    return [...this.#awaited].map(([id, { needs }]) => [id, needs]);
  }

  /** @throws {InfraError} for a job that no worker brought to its end; the signal's reason when it aborts. */
  async of(id: string, needs: Needs): Promise<Recorded> {
    this.#signal.throwIfAborted();
    const known = this.#awaited.get(id) ?? { needs, ended: Promise.withResolvers<Recorded>() };
    this.#awaited.set(id, known);
    if (!this.#isLooking) void this.#look();
    return await known.ended.promise;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      while (this.#awaited.size > 0) {
        await pause(interval, this.#signal);
        this.#looks += 1;
        const ids = [...this.#awaited.keys()];
        const found = await this.#queue.insist("the queue's results", this.#signal, () =>
          this.#queue.resultsOf(ids),
        );
        for (const result of found) this.#end(result.job, ({ resolve }) => resolve(result));
        if (this.#looks % rarely === 0) await this.#findLost();
      }
    } catch (error) {
      for (const id of [...this.#awaited.keys()]) this.#end(id, ({ reject }) => reject(error));
    } finally {
      this.#isLooking = false;
    }
  }

  async #findLost(): Promise<void> {
    for (const [id, { needs }] of [...this.#awaited]) {
      const isLost = await this.#queue.insist("the queue's jobs", this.#signal, () =>
        this.#queue.isLost(id, needs),
      );
      if (!isLost) continue;
      const [late] = await this.#queue.resultsOf([id]);
      if (late) this.#end(id, ({ resolve }) => resolve(late));
      else
        this.#end(id, ({ reject }) =>
          reject(
            new InfraError("no worker brought this to its end: each that took it died or gave it back", {
              next: "The workers' own output says why.",
            }),
          ),
        );
    }
  }

  #end(id: string, how: (ended: PromiseWithResolvers<Recorded>) => void): void {
    const awaited = this.#awaited.get(id);
    if (!awaited) return;
    this.#awaited.delete(id);
    how(awaited.ended);
  }

  [Symbol.dispose](): void {
    for (const id of [...this.#awaited.keys()]) this.#end(id, ({ reject }) => reject(this.#signal.reason));
  }
}
