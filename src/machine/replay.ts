import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { pause, type WaitOptions } from "../base/wait.ts";
import type { ConsoleLine } from "./console.ts";
import type { Machine } from "./machine.ts";

const replaySchema = z.object({ icount: z.number() });

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

/** Where a replay came to. */
export type ReplayEnd =
  /** To the end of what was recorded. */
  | { readonly type: "end" }
  /** To a line of the console, and stands still a moment after it. */
  | { readonly type: "line"; readonly line: string; readonly instruction: number };

/**
 * Let a machine do what was recorded, to the end or to the first line of its console that is wanted.
 *
 * @throws {InfraError} when it does something else than what was recorded, and QEMU gives up.
 * @example await replay(machine, { until: (line) => line.startsWith("sysrq: "), within, signal })
 */
export async function replay(
  machine: Pick<Machine, "console" | "exited" | "pace" | "qmp">,
  options: WaitOptions & {
    readonly until?: ((line: string) => boolean) | undefined;
    readonly signal: AbortSignal;
  },
): Promise<ReplayEnd> {
  const { signal } = options;
  const reached = Promise.withResolvers<ConsoleLine>();
  using _listener = machine.console.onLine((line) => {
    if (options.until?.(line.text) === true) reached.resolve(line);
  });
  const over = new AbortController();
  const stuck = watchSteps(machine, AbortSignal.any([signal, over.signal]));
  const onAbort = (): void => reached.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const first = await Promise.race([
      reached.promise,
      stuck,
      machine.exited.then((exit): "ended" => {
        if (exit.code !== 0)
          throw new InfraError(
            `what was replayed is not what was recorded: QEMU gave up (${exit.signal ?? `exit code ${exit.code}`})`,
            { next: "What QEMU said is in the replay's folder. Record again; a second time says more." },
          );
        return "ended";
      }),
    ]);
    if (first === "ended") return { type: "end" };
    await machine.qmp.call("stop", {}, { signal });
    return { type: "line", line: first.text, instruction: await instructionOf(machine, { signal }) };
  } finally {
    over.abort();
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Fails when a replay stands still. What makes it so is something that is not recorded: it waits for an event that
 * never comes.
 */
async function watchSteps(
  machine: Pick<Machine, "exited" | "pace" | "qmp">,
  signal: AbortSignal,
): Promise<never> {
  const never = new Promise<never>(() => {});
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
    return await never;
  }
  throw new InfraError(
    `the replay came apart: it stands still at instruction ${before}, and the recording goes on`,
    {
      next: "Something came in that this QEMU does not write down. Record again; not every recording is so.",
    },
  );
}
