import { Option } from "commander";
import type { Context } from "../base/context.ts";
import type { OpenTries } from "../campaign/tries.ts";
import type { FoundRepro } from "../repro/find.ts";

/** The option of commands whose trials others may run. */
export interface QueueOptions {
  readonly queue?: string;
}

/** `--queue`. */
export function queueOption(): Option {
  return new Option("--queue <postgres-url>", "have the workers of a queue run the trials: `dstate worker`");
}

/** A queue that is open, for the trials of a repro. */
export interface OpenQueue extends AsyncDisposable {
  /** Runs trials by the queue; undefined: no queue was named, and this host runs them. */
  readonly open: OpenTries | undefined;
  /** Trials to ask for at a time, where nobody says: so many that no worker waits for the next one. */
  readonly jobs: number | undefined;
  /** How many workers there are; undefined: no queue was named. */
  readonly workers: number | undefined;
}

/**
 * Open the queue that a user named, if one was named: only then is its client loaded.
 *
 * @throws {UsageError} for a wrong address, name or password, or the queue of another dstate.
 */
export async function openQueueFor(
  { queue: address }: QueueOptions,
  found: FoundRepro,
  context: Context,
): Promise<OpenQueue> {
  if (address === undefined)
    return { open: undefined, jobs: undefined, workers: undefined, [Symbol.asyncDispose]: async () => {} };
  const { Queue } = await import("../queue/queue.ts");
  const { triesByQueue } = await import("../queue/tries.ts");
  const queue = await Queue.open(address, { signal: context.signal });
  const workers = Math.max(1, await queue.countWorkers());
  return {
    open: triesByQueue(queue, found),
    jobs: 8 * workers,
    workers,
    [Symbol.asyncDispose]: async () => await queue[Symbol.asyncDispose](),
  };
}
