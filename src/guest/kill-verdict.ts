import type { StuckProcess } from "../process/stuck.ts";
import type { ProcessSnapshot, Thread } from "../process/threads.ts";

/** A thread that a signal did not end, with the process it belongs to. */
export interface StuckThread extends Thread {
  readonly pid: number;
  /**
   * Whether it slept one and the same uninterruptible sleep at every recent look: always in D, and never switched in
   * between. A thread that does much I/O is often seen in D and is not stuck.
   */
  readonly lasting: boolean;
}

interface Common {
  readonly signal: NodeJS.Signals;
  /** Milliseconds from the signal to this verdict. */
  readonly after: number;
}

/**
 * What became of a job after a signal.
 * - `reaped`: nothing of it is left.
 * - `zombie`: it ended, and its parent has not collected it.
 * - `D`: threads stayed in one uninterruptible sleep at every look.
 * - `running`: threads are left that are not in D (the signal was ignored, or they had no time yet).
 */
export type KillVerdict = Common &
  (
    | { readonly state: "reaped" | "zombie"; readonly threads: readonly [] }
    | { readonly state: "running"; readonly threads: readonly StuckThread[] }
    | {
        readonly state: "D";
        readonly threads: readonly StuckThread[];
        /** What the kernel shows of the processes beyond their threads; missing when the guest did not tell. */
        readonly processes?: readonly StuckProcess[];
      }
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
  const recent = looks.slice(-Math.max(2, Math.ceil(looks.length / 2)));
  const left = threadsLeft(last).map(
    (thread): StuckThread => ({
      ...thread,
      lasting: looks.length >= 2 && recent.every((look) => isSameSleep(thread, look)),
    }),
  );
  if (last.length === 0) return { ...facts, state: "reaped", threads: [] };
  if (left.length === 0) return { ...facts, state: "zombie", threads: [] };
  return { ...facts, state: left.some((thread) => thread.lasting) ? "D" : "running", threads: left };
}

/**
 * Whether a function is on the kernel stack of any of some threads.
 *
 * @example hasOnStack(afterKill.threads, "io_uring_del_tctx_node")
 */
export function hasOnStack(threads: readonly Pick<Thread, "stack">[], name: string | RegExp): boolean {
  return threads.some(({ stack }) =>
    stack.some((frame) => (typeof name === "string" ? frame.function === name : name.test(frame.function))),
  );
}

function isSameSleep(thread: Thread, look: readonly ProcessSnapshot[]): boolean {
  return (
    thread.state === "D" &&
    threadsLeft(look).some(
      (other) => other.tid === thread.tid && other.state === "D" && other.switches === thread.switches,
    )
  );
}

function threadsLeft(processes: readonly ProcessSnapshot[]): Omit<StuckThread, "lasting">[] {
  return processes.flatMap((process) =>
    process.threads
      .filter((thread) => thread.state !== "Z" && thread.state !== "X")
      .map((thread) => ({ ...thread, pid: process.pid })),
  );
}
