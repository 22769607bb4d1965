import type { Observation } from "./trial.ts";

/** What a trial of the flagship saw, in one sentence. */
export function summaryOf(seen: Observation): string {
  const after = `${Math.round(seen.endedAfter / 1000)} s, ${seen.completedRounds} of ${seen.rounds} rounds`;
  if (seen.ended.type === "exit")
    return `the workload ended with exit code ${seen.ended.exitCode}; power-off: ${seen.powerOff.state}`;
  // Slow is not stuck: what SIGKILL made of it says nothing then.
  if (seen.ended.type === "deadline" && seen.afterKill?.state !== "D")
    return `not done after ${after}${seen.ended.working === undefined ? "" : ", still working"}; power-off: ${seen.powerOff.state}`;
  if (!seen.afterKill) return `stalled after ${after}`;
  const stuck = seen.afterKill.threads
    .filter((thread) => thread.state === "D")
    .map(
      (thread) =>
        `${thread.comm} in ${thread.stack.find((frame) => frame.function.startsWith("io_"))?.function ?? thread.wchan}`,
    );
  return `SIGKILL left ${seen.afterKill.state}: ${stuck.join(", ") || "no thread"}; power-off: ${seen.powerOff.state}`;
}
