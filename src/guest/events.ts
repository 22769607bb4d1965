import type { ProcessSnapshot } from "../process/threads.ts";

/** What is done to a guest and what it answers, as it happens. Times are the listener's own. */
export type GuestEvent =
  /** A command of a trial; over the fast channel or ssh. */
  | { readonly type: "command"; readonly id: number; readonly way: "fast" | "ssh"; readonly command: string }
  | { readonly type: "command-end"; readonly id: number; readonly exit: number | string | null }
  /** A job: a command that is started and watched. */
  | { readonly type: "job"; readonly pid: number; readonly command: string }
  | { readonly type: "job-end"; readonly pid: number; readonly exit: number | string | null }
  | {
      readonly type: "output";
      readonly pid: number;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
    }
  /** A look at a job's threads; `at` is the guest's uptime in milliseconds. */
  | {
      readonly type: "look";
      readonly pid: number;
      readonly at: number;
      readonly processes: readonly ProcessSnapshot[];
    }
  | { readonly type: "signal"; readonly pid: number; readonly signal: string }
  | { readonly type: "signal-verdict"; readonly pid: number; readonly state: string }
  | { readonly type: "stall"; readonly pid: number; readonly quietFor: number }
  | { readonly type: "power-off" }
  | { readonly type: "power-off-verdict"; readonly state: string };

/** Told of each event; it must be quick, and throws nothing. */
export type WatchGuest = (event: GuestEvent) => void;
