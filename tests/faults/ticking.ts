import type { TrialContext } from "../../src/repro/define.ts";
import { defineRepro, type Repro } from "../../src/repro/define.ts";

/** What a trial of it saw. */
export interface Ticked {
  /** The workload said that it was done. */
  readonly done: boolean;
  readonly ended: "exit" | "stall" | "deadline";
  /** What SIGKILL left of it, where it did not end by itself. */
  readonly killed: string | undefined;
}

/** A workload of two seconds in the smallest machine, and what is done to it meanwhile. */
export interface Ticking {
  /** Called when the workload has begun. */
  readonly during: (context: TrialContext) => Promise<void>;
  /** What counts as reproduced; nothing here makes it true. */
  readonly signature: (seen: Ticked) => boolean;
}

/** The kernel of these trials, which has no bug that matters here. */
export const tickingKernel = "6.1.129";

/** A repro whose workload ticks for two seconds and says at its end that it is done. */
export function tickingRepro({ during, signature }: Ticking): Repro<Ticked> {
  return defineRepro({
    id: "faulted",
    title: "ticks for two seconds",
    upstream: ["https://example.org"],
    axes: { kernel: [tickingKernel] },
    cells: { bad: [{}], control: [{}] },
    machine: { cpus: 1, memory: "512MiB" },
    deadline: "2m",
    trial: async (context) => {
      const { vm, signal } = context;
      const work =
        "i=0; while [ $i -lt 20 ]; do sleep 0.1; echo tick; i=$((i+1)); done; echo all ticks are done";
      const job = await vm.guest.spawn(work, { signal });
      await during(context);
      const ended = await job.untilExitOrStall({ deadline: "30s", quiet: "4s", signal });
      const killed = ended.type === "exit" ? undefined : await job.kill("SIGKILL", { within: "3s", signal });
      await vm.powerOff({ within: "10s", signal });
      return {
        done: job.stdout.text.includes("all ticks are done"),
        ended: ended.type,
        killed: killed?.state,
      };
    },
    signature,
    healthy: ({ ended, done }) => ended === "exit" && done,
    summary: ({ ended, done }) => `${ended}, ${done ? "done" : "not done"}`,
  });
}
