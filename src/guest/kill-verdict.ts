import type { ProcessSnapshot, Thread } from "../observe/threads.ts";

/** A thread that a signal did not end, with the process it belongs to. */
export interface StuckThread extends Thread {
  readonly pid: number;
}

interface Common {
  readonly signal: NodeJS.Signals;
  /** Milliseconds from the signal to this verdict. */
  readonly after: number;
  /** Whether a function is on the kernel stack of any thread that is left. */
  stackHas(name: string | RegExp): boolean;
}

/**
 * What became of a job after a signal.
 * - `reaped`: nothing of it is left.
 * - `zombie`: it ended, and its parent has not collected it.
 * - `D`: threads stayed in uninterruptible sleep at every look.
 * - `running`: threads are left that are not in D (the signal was ignored, or they had no time yet).
 */
export type KillVerdict = Common &
  (
    | { readonly state: "reaped" | "zombie"; readonly threads: readonly [] }
    | { readonly state: "D" | "running"; readonly threads: readonly StuckThread[] }
  );

/**
 * Judge the looks taken at a job since the signal. Pure: the last look says what is left, the earlier ones
 * whether D was passing.
 *
 * @example verdictOf([[]], { signal: "SIGKILL", after: 12 }).state // "reaped"
 */
export function verdictOf(
  looks: readonly (readonly ProcessSnapshot[])[],
  facts: { signal: NodeJS.Signals; after: number },
): KillVerdict {
  const last = looks.at(-1) ?? [];
  const left = stuckThreads(last);
  const stackHas = (name: string | RegExp): boolean =>
    left.some((thread) =>
      thread.stack.some((frame) =>
        typeof name === "string" ? frame.function === name : name.test(frame.function),
      ),
    );
  const common = { ...facts, stackHas };
  if (last.length === 0) return { ...common, state: "reaped", threads: [] };
  if (left.length === 0) return { ...common, state: "zombie", threads: [] };
  const recent = looks.slice(-Math.max(2, Math.ceil(looks.length / 2)));
  const lasting = left.some(
    (thread) =>
      thread.state === "D" &&
      recent.every((look) => stuckThreads(look).some((t) => t.tid === thread.tid && t.state === "D")),
  );
  return { ...common, state: lasting && looks.length >= 2 ? "D" : "running", threads: left };
}

function stuckThreads(processes: readonly ProcessSnapshot[]): StuckThread[] {
  return processes.flatMap((process) =>
    process.threads
      .filter((thread) => thread.state !== "Z" && thread.state !== "X")
      .map((thread) => ({ ...thread, pid: process.pid })),
  );
}
