import type { Machine } from "../machine/machine.ts";
import type { WatchGuest } from "./events.ts";
import type { ExecOptions, ExecResult } from "./exec.ts";
import type { Command } from "./shell.ts";

/**
 * What the judges of a job need of a guest: a way in that answers while the job does not, and a wait that ends when
 * the machine does. A guest is one; a test's own can be another.
 */
export interface WayIn {
  /** Run a small command of ours on whichever way in answers. */
  quick(command: Command, options?: Omit<ExecOptions, "input">): Promise<ExecResult>;
  readonly machine: Pick<Machine, "race" | "pace">;
  /** Told of what is done and seen. */
  readonly watch?: WatchGuest | undefined;
}
