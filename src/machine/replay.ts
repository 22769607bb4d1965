import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause } from "../base/wait.ts";
import { openDebugger } from "./debugger.ts";
import { GdbStub } from "./gdb-stub.ts";
import type { Machine } from "./machine.ts";

const replaySchema = z.object({ icount: z.number() });
const statusSchema = z.object({ status: z.string() });

/**
 * How many instructions a recorded or replayed machine has done: the same number is the same moment each time.
 *
 * @see https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (query-replay)
 */
export async function instructionOf(
  machine: Pick<Machine, "qmp">,
  options: { readonly signal: AbortSignal },
): Promise<number> {
  return replaySchema.parse(await machine.qmp.call("query-replay", {}, options)).icount;
}

/** Where a replay is to stop. */
export type ReplayGoal =
  /** A moment after the first line of its console that is wanted. */
  | { readonly type: "line"; readonly isWanted: (line: string) => boolean }
  /** Before it does the instruction at one of these addresses for the first time. */
  | { readonly type: "address"; readonly addresses: readonly bigint[] }
  /** When it has done as many. */
  | { readonly type: "instruction"; readonly instruction: number };

/** Where a replay came to. */
export type ReplayEnd =
  /** To the end of what was recorded. */
  | { readonly type: "end" }
  /** It stands still. */
  | { readonly type: "stop"; readonly instruction: number; readonly line?: string };

/** A machine, as far as a replay needs it. */
type Replaying = Pick<Machine, "console" | "exited" | "pace" | "qmp" | "runPath">;

/**
 * Let a machine that waits before its first instruction do what was recorded, to the end or to a goal.
 *
 * @throws {InfraError} when it does something else than what was recorded, and QEMU gives up; or when it stands still.
 * @example await replay(machine, { until: { type: "line", isWanted: (line) => line.startsWith("sysrq: ") }, signal })
 */
export async function replay(
  machine: Replaying,
  options: {
    readonly until?: ReplayGoal | undefined;
    /** Leave states at these instructions, from which a debugger goes back: else it begins anew for each step back. */
    readonly states?: readonly number[] | undefined;
    readonly signal: AbortSignal;
  },
): Promise<ReplayEnd> {
  const { signal } = options;
  const over = new AbortController();
  const inner = AbortSignal.any([signal, over.signal]);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([
      aborted.promise,
      runTo(machine, options.until, { states: options.states ?? [], signal: inner }),
      watchSteps(machine, inner),
      machine.exited.then((exit): ReplayEnd => {
        if (exit.code !== 0)
          throw new InfraError(
            `what was replayed is not what was recorded: QEMU gave up (${exit.signal ?? `exit code ${exit.code}`})`,
            { next: "What QEMU said is in the replay's folder. Record again; a second time says more." },
          );
        return { type: "end" };
      }),
    ]);
  } finally {
    over.abort();
    signal.removeEventListener("abort", onAbort);
  }
}

/** Runs until the goal is reached: else for ever. A machine that ends meanwhile is told of elsewhere. */
async function runTo(
  machine: Replaying,
  goal: ReplayGoal | undefined,
  options: { readonly states: readonly number[]; readonly signal: AbortSignal },
): Promise<ReplayEnd> {
  const { qmp } = machine;
  const { signal } = options;
  const wanted = Promise.withResolvers<string>();
  using _lines = machine.console.onLine(({ text }) => {
    if (goal?.type === "line" && goal.isWanted(text)) wanted.resolve(text);
  });
  try {
    using stub = goal?.type === "address" ? await stopAt(goal.addresses, machine, { signal }) : undefined;
    const end = goal?.type === "instruction" ? goal.instruction : undefined;
    const begin = await instructionOf(machine, { signal });
    const ahead = options.states.filter((moment) => moment > begin && moment < (end ?? Infinity));
    for (;;) {
      const [next = end] = ahead;
      if (next !== undefined) await qmp.call("replay-break", { icount: next }, { signal });
      const line = await goOn(machine, wanted.promise, signal);
      const instruction = await instructionOf(machine, { signal });
      if (line === undefined && instruction === next && ahead.length > 0) {
        ahead.shift();
        // Where QEMU leaves none, for want of room say, a debugger goes back from the state before.
        await qmp.human(`savevm at-${instruction}`, { within: timeouts.machine.freeze, signal });
        continue;
      }
      if (line === undefined && !(await standsAt(machine, goal, { signal }))) continue;
      // A debugger that comes is not to be stopped by what we wanted.
      if (next !== undefined && instruction < next) await qmp.call("replay-delete-break", {}, { signal });
      if (goal?.type === "address")
        for (const address of goal.addresses) await stub?.forget(address, { signal });
      return { type: "stop", instruction, ...(line === undefined ? {} : { line }) };
    }
  } catch (error) {
    // At its end QEMU closes what it is asked through; how it ended is the story.
    await Promise.race([machine.exited, pause(timeouts.machine.loss.milliseconds)]);
    throw error;
  }
}

/** Lets the machine go on until it stands still. @returns the line that it was stopped for. */
async function goOn(
  { qmp }: Replaying,
  wanted: Promise<string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const stopped = Promise.withResolvers<undefined>();
  using _stops = qmp.onEvent(({ name }) => {
    if (name === "STOP") stopped.resolve(undefined);
  });
  await qmp.call("cont", {}, { signal });
  const line = await Promise.race([wanted, stopped.promise]);
  if (line !== undefined) await qmp.call("stop", {}, { signal });
  return line;
}

/** Whether a machine stands still at its goal, and for no other reason. */
async function standsAt(
  machine: Replaying,
  goal: ReplayGoal | undefined,
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  if (goal?.type === "address")
    return statusSchema.parse(await machine.qmp.call("query-status", {}, options)).status === "debug";
  return goal?.type === "instruction" && (await instructionOf(machine, options)) === goal.instruction;
}

async function stopAt(
  addresses: readonly bigint[],
  machine: Replaying,
  { signal }: { readonly signal: AbortSignal },
): Promise<GdbStub> {
  const within = timeouts.machine.sockets;
  const stub = await GdbStub.connect(await openDebugger(machine, { signal }), { within, signal });
  for (const address of addresses) await stub.breakAt(address, { signal });
  return stub;
}

async function never(): Promise<never> {
  return await new Promise<never>(() => {});
}

/**
 * Fails when a replay stands still. What makes it so is something that is not recorded: it waits for an event that
 * never comes.
 */
async function watchSteps(machine: Replaying, signal: AbortSignal): Promise<never> {
  let before = -1;
  let lost = machine.pace.count();
  let since = performance.now();
  try {
    for (;;) {
      await pause("2s", signal);
      const now = await instructionOf(machine, { signal });
      if (now !== before) {
        before = now;
        lost = machine.pace.count();
        since = performance.now();
      } else if (performance.now() - since - lost() > timeouts.replayStep.milliseconds) break;
    }
  } catch {
    // It has ended, or nobody waits for it any more; that is told elsewhere.
    return await never();
  }
  throw new InfraError(
    `the replay came apart: it stands still at instruction ${before}, and the recording goes on`,
    {
      next: "Something came in that this QEMU does not write down. Record again; not every recording is so.",
    },
  );
}
