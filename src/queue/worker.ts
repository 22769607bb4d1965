import type { Context } from "../base/context.ts";
import { DstateError, messageOf, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { oneLine, sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause, withDeadline } from "../base/wait.ts";
import { acceleratorHere } from "../campaign/accelerator-here.ts";
import { Ledger } from "../campaign/ledger.ts";
import { nameCell } from "../campaign/record-trial.ts";
import { BuildError } from "../kernel/build.ts";
import { findCachedKernel } from "../kernel/list.ts";
import { provideKernel } from "../kernel/provide.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { sourceOf } from "../kernel/sources/index.ts";
import { storedKernels } from "../kernel/stored.ts";
import { describeCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import { canOpenKvm } from "../machine/accelerator.ts";
import { roomOf } from "../machine/lease.ts";
import { mostOf } from "../machine/room.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { describeHost } from "../record/host.ts";
import { runTrial } from "../repro/trial.ts";
import { receiveRepro } from "./carried-repro.ts";
import { type Claim, type Queue, silence } from "./queue.ts";
import { cellOf } from "./tries.ts";
import { type Abilities, canDo, type JobResult } from "./work.ts";

export interface WorkerOptions {
  readonly queue: Queue;
  readonly name: string;
  /** Jobs side by side. */
  readonly jobs: number;
}

/** Milliseconds. Twice in a row it may fail before the job is given up, and that before it is given to another. */
const holdEvery = 4_000;
const giveUpAfter = (silence * 1000 * 3) / 5;
const idle = 700;
/** After a failure of this host: what is wrong with it is not mended at once, and others may do better. */
const sulk = 15_000;

/**
 * Take jobs from a queue and run them, until the signal aborts: then what runs is given back, and another worker has
 * it at once. A job that this worker is cut off from is given up before another can have it.
 *
 * @throws what is wrong with the queue for longer than an outage.
 */
export async function runWorker(options: WorkerOptions, context: Context): Promise<void> {
  const { queue, name, jobs } = options;
  const host = describeHost();
  const insist = async <T>(work: () => Promise<T>): Promise<T> =>
    await queue.insist(`the queue ${queue.shown}`, context.signal, work);
  let abilities = await abilitiesOf(context);
  const introduce = async (): Promise<void> => {
    abilities = await abilitiesOf(context);
    await insist(() => queue.introduce(name, host, abilities));
  };
  await introduce();
  context.progress({
    type: "note",
    text: `${name} listens to ${queue.shown}: ${abilities.architecture}, ${abilities.accelerator.toUpperCase()}, ${jobs} at a time`,
  });
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const next = async (): Promise<Claim | undefined> => {
    for (const { queue: from, needs } of await insist(() => queue.asked())) {
      const { isBuilt } = sourceOf(parseKernelSelector(needs.kernel));
      const { accelerator } = needs;
      if (
        abilities.accelerator === "unknown" &&
        needs.task === "trial" &&
        canDo(needs, { ...abilities, accelerator }, isBuilt)
      ) {
        // A kernel tells what this host's KVM is worth; this one will be needed anyway.
        await provideKernel(parseKernelSelector(needs.kernel), { ...context, signal });
        await introduce();
      }
      if (!canDo(needs, abilities, isBuilt)) continue;
      const claim = await insist(() => queue.take(from, needs));
      if (claim) return claim;
    }
    return undefined;
  };
  const place = async (): Promise<void> => {
    for (;;) {
      const claim = await next();
      if (!claim) {
        await pause(idle, signal);
        continue;
      }
      const isDone = await doJob(claim, { ...options, host: { ...host } }, { ...context, signal });
      await introduce();
      if (!isDone) await pause(sulk, signal);
    }
  };
  const stay = async (): Promise<void> => {
    for (;;) {
      await pause(holdEvery, signal);
      await introduce();
    }
  };
  const ended = await Promise.allSettled(
    [...Array.from({ length: jobs }, place), stay()].map(
      async (work) =>
        await work.catch((error: unknown) => {
          stop.abort(error);
          throw error;
        }),
    ),
  );
  // To be told to end is what a worker waits for.
  if (context.signal.aborted) return;
  for (const one of ended) if (one.status === "rejected") throw stop.signal.reason;
}

async function abilitiesOf(context: Context): Promise<Abilities> {
  const { settings } = context;
  return {
    architecture: guestPlatform.name,
    accelerator:
      (await canOpenKvm()) && (await findCachedKernel(context)) === undefined
        ? "unknown"
        : await acceleratorHere(context),
    memory: mostOf(roomOf(settings)),
    kernels: (await storedKernels(context)).map(({ about }) => about.selector),
    shares: settings.cacheRegistry !== undefined,
  };
}

/** A job that is not ours any more. */
class LostJobError extends DstateError {
  override readonly name = "LostJobError";
}

/** Do a job and write down what came of it. @returns false when this host could not. */
async function doJob(
  claim: Claim,
  { queue, name, host }: WorkerOptions & { readonly host: ReturnType<typeof describeHost> },
  context: Context,
): Promise<boolean> {
  const { needs, data } = claim;
  const lost = new AbortController();
  const signal = AbortSignal.any([context.signal, lost.signal]);
  const inner: Context = { ...context, signal };
  const title = `${needs.task} for the queue: ${describeCell(cellOf(data.cell))}`;
  const holding = holdOn(queue, claim, lost);
  try {
    const result = await step(context.progress, title, async (told) => {
      const done = await resultOf(claim, queue, host, inner);
      told.conclude(done.type === "trial" ? done.outcome : done.type);
      return done;
    });
    const isOurs = await queue.insist(`the queue ${queue.shown}`, context.signal, () =>
      queue.settle(claim, name, result),
    );
    if (!isOurs)
      context.progress({ type: "note", text: "another worker had the job meanwhile: this does not count" });
    return true;
  } catch (error) {
    if (lost.signal.aborted) {
      context.progress({ type: "note", text: messageOf(lost.signal.reason) });
      return true;
    }
    await withDeadline("the job to be given back", { within: timeouts.jobs.farewell }, () =>
      queue.giveBack(claim),
    ).catch(() => {});
    context.signal.throwIfAborted();
    const why = oneLine(messageOf(error), { maxLength: 600 });
    context.progress({ type: "note", text: `this host could not do the job, which is given back: ${why}` });
    return false;
  } finally {
    holding[Symbol.dispose]();
  }
}

async function resultOf(
  { needs, data }: Claim,
  queue: Queue,
  host: ReturnType<typeof describeHost>,
  context: Context,
): Promise<JobResult> {
  const cell = cellOf(data.cell);
  const { repro } = await receiveRepro(data.definition, queue, context);
  try {
    if (needs.task === "build") {
      // The kernel alone: other repros' trials wait for it as well.
      const fragments = repro.kernelFragments?.(cell) ?? [];
      await provideKernel(parseKernelSelector(cell.kernel), context, { fragments });
      return { type: "built" };
    }
    const parts = await provideParts(repro, cell, context);
    const trial = await runTrial(repro, cell, parts, context, { cold: data.cold });
    // Only a name is made of it.
    using names = Ledger.inMemory();
    const { accelerator } = needs;
    const key = nameCell(names, { definition: data.definition, cell, kernel: parts.kernel, accelerator });
    const { outcome, versions, evidence, startedAt, took } = trial;
    // A guest's words; PostgreSQL takes no NUL in them.
    const summary = sanitize(trial.summary, { maxLength: 4000 });
    const columns = Object.fromEntries(
      Object.entries(trial.columns).map(([name, text]) => [
        sanitize(name),
        sanitize(text, { maxLength: 4000 }),
      ]),
    );
    return {
      type: "trial",
      ...{
        key,
        outcome,
        summary,
        columns,
        versions: { ...versions },
        evidence,
        startedAt,
        took,
      },
      ...{ host, accelerator, cell: data.cell, ranBy: data.ranBy },
    };
  } catch (error) {
    context.signal.throwIfAborted();
    const message = oneLine(messageOf(error), { maxLength: 1000 });
    if (error instanceof BuildError) return { type: "failed", why: "build", message, cell: data.cell };
    if (error instanceof UsageError) return { type: "failed", why: "usage", message, cell: data.cell };
    throw error;
  }
}

/** Say again and again that a job is worked at; who cannot say so, or is told that it is another's, gives it up. */
function holdOn(queue: Queue, claim: Claim, lost: AbortController): Disposable {
  const ended = new AbortController();
  const hold = async (): Promise<void> => {
    let last = performance.now();
    for (;;) {
      await pause(holdEvery, ended.signal);
      const asked = performance.now();
      const answer = await withDeadline("the queue", { within: holdEvery, signal: ended.signal }, () =>
        queue.hold(claim),
      ).catch(() => undefined);
      ended.signal.throwIfAborted();
      if (answer === true) last = asked;
      else if (answer === false)
        return lost.abort(new LostJobError("the job was given to another worker: this one is given up"));
      else if (performance.now() - last > giveUpAfter)
        return lost.abort(
          new LostJobError("cut off from the queue: the job is given up, another worker gets it"),
        );
    }
  };
  hold().catch(() => {});
  return { [Symbol.dispose]: () => ended.abort() };
}
