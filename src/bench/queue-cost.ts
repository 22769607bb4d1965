import { randomBytes, randomUUID } from "node:crypto";
import { imageKinds } from "../base/settings.ts";
import { together } from "../campaign/pool.ts";
import type { Queue } from "../queue/queue.ts";
import { type JobData, type JobResult, jobId, type Needs, queueOf } from "../queue/work.ts";

/** What a queue costs. */
export interface QueueCost {
  readonly trials: number;
  /** Connections that work side by side. */
  readonly workers: number;
  /** Milliseconds from the first to the last, over trials: what a database has to spend on one. */
  readonly millisecondsPerTrial: number;
  /** Milliseconds that a trial waits for the database, when nobody else is there: asking, taking, settling. */
  readonly alone: { readonly ask: number; readonly take: number; readonly settle: number };
}

/**
 * Measure a queue with trials that take no time: all that is done for one is done, its evidence sent along, but for the
 * trial.
 *
 * @param open opens another connection to it.
 */
export async function measureQueue(
  options: { readonly trials: number; readonly workers: number },
  open: () => Promise<Queue>,
  signal: AbortSignal,
): Promise<QueueCost> {
  const run = randomUUID();
  // Nobody else takes these: no worker has this architecture.
  const needs: Needs = {
    task: "trial",
    architecture: `bench ${run}`,
    accelerator: "tcg",
    memory: 1,
    kernel: "0.0",
  };
  const cell = { kernel: "0.0", env: {}, image: imageKinds[0], axes: {} } as const;
  const data: JobData = { definition: `bench ${run}`, cell, ranBy: "matrix", cold: false };
  const result: JobResult = { type: "failed", why: "usage", message: "a measurement", cell };
  // Of a usual trial: its logs, packed.
  const evidence = randomBytes(128 * 1024);
  await using queue = await open();
  const ids = Array.from({ length: options.trials }, (_, index) => jobId("trial", [run, index]));
  const times = { ask: 0, take: 0, settle: 0 };
  const samples = Math.min(20, options.trials);
  for (let sample = 0; sample < samples; sample += 1) {
    signal.throwIfAborted();
    const start = performance.now();
    await queue.ask(jobId("trial", [run, "alone", sample]), needs, data);
    const asked = performance.now();
    const claim = await queue.take(queueOf(needs), needs);
    const taken = performance.now();
    if (claim) await queue.settle(claim, "bench", result, evidence);
    times.ask += (asked - start) / samples;
    times.take += (taken - asked) / samples;
    times.settle += (performance.now() - taken) / samples;
  }
  const connections = await Promise.all(Array.from({ length: options.workers }, open));
  const stop = new AbortController();
  const start = performance.now();
  try {
    const asking = async (): Promise<void> => {
      for (const id of ids) {
        signal.throwIfAborted();
        await queue.ask(id, needs, data);
      }
    };
    let left = ids.length;
    const working = async (own: Queue): Promise<void> => {
      while (left > 0) {
        signal.throwIfAborted();
        const claim = await own.take(queueOf(needs), needs);
        if (!claim) continue;
        left -= 1;
        await own.settle(claim, "bench", result, evidence);
      }
    };
    await together(stop, [asking(), ...connections.map(working)]);
  } finally {
    for (const each of connections) await each[Symbol.asyncDispose]();
    await queue.forget(data.definition);
  }
  const { trials, workers } = options;
  return { trials, workers, millisecondsPerTrial: (performance.now() - start) / trials, alone: times };
}
