import type { Context } from "../base/context.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { NotThereError } from "../base/store-errors.ts";
import { oneLine, sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause, withDeadline } from "../base/wait.ts";
import { Ledger } from "../campaign/ledger.ts";
import { nameCell } from "../campaign/record-trial.ts";
import { BuildError } from "../kernel/build.ts";
import { provideKernel } from "../kernel/provide.ts";
import { isBuiltHere, parseKernelSelector } from "../kernel/selector.ts";
import { describeCell } from "../lab/cell.ts";
import { provideParts } from "../lab/provide.ts";
import { describeHost } from "../record/host.ts";
import { runTrial } from "../repro/trial.ts";
import { abilitiesOf } from "./abilities.ts";
import { receiveRepro } from "./carried-repro.ts";
import { holdEvery, holdOn } from "./hold.ts";
import { sendEvidence } from "./home.ts";
import type { Claim, Queue } from "./queue.ts";
import { cellOf } from "./tries.ts";
import { canDo, isCheaperElsewhere, type JobResult } from "./work.ts";

export interface WorkerOptions {
  readonly queue: Queue;
  readonly name: string;
  /** Jobs side by side. */
  readonly jobs: number;
}

/** Milliseconds. */
const idle = 700;
/** After a failure of this host: what is wrong with it is not mended at once, and others may do better. */
const sulk = 15_000;
/** A kernel that others have, and the registry has not: it may get there. */
const avoidFor = 60_000;

/** A job, and whether a kernel may be built for it that nobody has. */
interface Taken {
  readonly claim: Claim;
  readonly mayBuild: boolean;
}

interface JobOptions extends WorkerOptions {
  readonly host: ReturnType<typeof describeHost>;
  /** Say what this host has. */
  readonly introduce: () => Promise<void>;
}

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
  let free = jobs;
  let abilities = await abilitiesOf(context, free);
  const introduce = async (): Promise<void> => {
    abilities = await abilitiesOf(context, free);
    await insist(() => queue.introduce(name, host, abilities));
  };
  await introduce();
  context.progress({
    type: "note",
    text: `${name} listens to ${queue.shown}: ${abilities.architecture}, ${abilities.accelerator.toUpperCase()}, ${jobs} at a time`,
  });
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  /** Queues of kernels that are not to be had here, until then. */
  const avoided = new Map<string, number>();
  /** Kernels that were looked for, and are here as they should be. */
  const sure = new Set<string>();
  const next = async (): Promise<Taken | undefined> => {
    const asked = await insist(() => queue.asked());
    const others = asked.length === 0 ? [] : await insist(() => queue.othersThan(name));
    for (const { queue: from, needs, age } of asked) {
      if ((avoided.get(from) ?? 0) > Date.now()) continue;
      const isBuilt = isBuiltHere(needs.kernel);
      const { accelerator } = needs;
      if (
        abilities.accelerator === "unknown" &&
        needs.task === "trial" &&
        canDo(needs, { ...abilities, accelerator }, isBuilt, others)
      ) {
        // A kernel tells what this host's KVM is worth; this one will be needed anyway.
        await provideKernel(parseKernelSelector(needs.kernel), { ...context, signal });
        await introduce();
      }
      if (!canDo(needs, abilities, isBuilt, others)) continue;
      if (isCheaperElsewhere(needs, abilities, others, age)) continue;
      // What nobody else has is built for a trial, too: whoever built it is gone.
      const mayBuild = !others.some(({ kernels }) => kernels.includes(needs.kernel));
      // Also where one of this name is here: it may be of another configuration, or another compiler's.
      if (needs.task === "trial" && isBuilt && !mayBuild && !sure.has(needs.kernel)) {
        if (!(await takeKernel(needs.kernel, { ...context, signal }))) {
          avoided.set(from, Date.now() + avoidFor);
          continue;
        }
        sure.add(needs.kernel);
        await introduce();
      }
      const claim = await insist(() => queue.take(from, needs));
      if (claim) return { claim, mayBuild };
    }
    return undefined;
  };
  const place = async (): Promise<void> => {
    for (;;) {
      const taken = await next();
      if (!taken) {
        await pause(idle, signal);
        continue;
      }
      free -= 1;
      const done = await doJob(taken, { ...options, host: { ...host }, introduce }, { ...context, signal });
      free += 1;
      await introduce();
      if (done === "not here") avoided.set(taken.claim.queue, Date.now() + avoidFor);
      if (done === "failed") await pause(sulk, signal);
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
  await withDeadline("the queue", { within: timeouts.jobs.farewell }, () => queue.leave(name)).catch(
    () => {},
  );
  // To be told to end is what a worker waits for.
  if (context.signal.aborted) return;
  for (const one of ended) if (one.status === "rejected") throw stop.signal.reason;
}

/** Take a kernel from the registry, and do not build it. @returns whether it is here. */
async function takeKernel(kernel: string, context: Context): Promise<boolean> {
  const settings = { ...context.settings, takeOnly: true };
  try {
    await provideKernel(parseKernelSelector(kernel), { ...context, settings });
    return true;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof NotThereError) return false;
    throw error;
  }
}

/** Do a job and write down what came of it. @returns `not here` for a kernel that others have and this host has not. */
async function doJob(
  { claim, mayBuild }: Taken,
  { queue, name, host, introduce }: JobOptions,
  context: Context,
): Promise<"done" | "failed" | "not here"> {
  const { needs, data } = claim;
  const lost = new AbortController();
  const signal = AbortSignal.any([context.signal, lost.signal]);
  const inner: Context = { ...context, signal };
  const title = `${needs.task} for the queue: ${describeCell(cellOf(data.cell))}`;
  const holding = holdOn(queue, claim, lost);
  try {
    const { result, evidence } = await step(context.progress, title, async (told) => {
      const done = await resultOf({ claim, mayBuild }, queue, host, inner);
      told.conclude(done.result.type === "trial" ? done.result.outcome : done.result.type);
      return done;
    });
    // Who looks for somebody that has the kernel finds us, as soon as its trials are to be had.
    if (result.type === "built") await introduce();
    const isOurs = await queue.insist(`the queue ${queue.shown}`, context.signal, () =>
      queue.settle(claim, name, result, evidence),
    );
    if (!isOurs)
      context.progress({ type: "note", text: "another worker had the job meanwhile: this does not count" });
    return "done";
  } catch (error) {
    if (lost.signal.aborted) {
      context.progress({ type: "note", text: messageOf(lost.signal.reason) });
      return "done";
    }
    await withDeadline("the job to be given back", { within: timeouts.jobs.farewell }, () =>
      queue.giveBack(claim),
    ).catch(() => {});
    context.signal.throwIfAborted();
    const why = oneLine(messageOf(error), { maxLength: 600 });
    context.progress({ type: "note", text: `this host could not do the job, which is given back: ${why}` });
    return error instanceof NotThereError ? "not here" : "failed";
  } finally {
    holding[Symbol.dispose]();
  }
}

interface Done {
  readonly result: JobResult;
  readonly evidence?: Buffer | undefined;
}

async function resultOf(
  { claim, mayBuild }: Taken,
  queue: Queue,
  host: ReturnType<typeof describeHost>,
  context: Context,
): Promise<Done> {
  const { needs, data } = claim;
  const cell = cellOf(data.cell);
  const { repro } = await receiveRepro(data.definition, queue, context);
  const selector = parseKernelSelector(cell.kernel);
  const fragments = repro.kernelFragments?.(cell) ?? [];
  try {
    if (needs.task === "build") {
      // The kernel alone: other repros' trials wait for it as well.
      await provideKernel(selector, context, { fragments });
      return { result: { type: "built" } };
    }
    // Each kernel is built once: where another has it, it is taken or left.
    if (!mayBuild && isBuiltHere(cell.kernel)) {
      const settings = { ...context.settings, takeOnly: true };
      await provideKernel(selector, { ...context, settings }, { fragments });
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
    const { home, bytes } = await sendEvidence(claim, evidence, context);
    const { cell: asked, ranBy } = data;
    const ended = {
      key,
      outcome,
      summary,
      columns,
      versions: { ...versions },
      evidence,
      home,
      startedAt,
      took,
    };
    return { result: { type: "trial", ...ended, host, accelerator, cell: asked, ranBy }, evidence: bytes };
  } catch (error) {
    context.signal.throwIfAborted();
    const message = oneLine(messageOf(error), { maxLength: 1000 });
    const failed = { type: "failed", message, cell: data.cell } as const;
    if (error instanceof BuildError) return { result: { ...failed, why: "build" } };
    if (error instanceof UsageError) return { result: { ...failed, why: "usage" } };
    throw error;
  }
}
