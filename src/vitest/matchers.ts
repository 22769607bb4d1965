import { expect } from "vitest";
import { hasOnStack, type KillVerdict } from "../guest/kill-verdict.ts";
import type { PowerOffVerdict } from "../guest/power-off.ts";
import type { KernelLog } from "../lab/vm.ts";

/** What `expect` learns. */
export interface DstateMatchers<Result> {
  /** Nothing of the job was left after the signal. */
  toBeReaped(): Result;
  /** Threads stayed in D; with a function's name: with that function on the kernel stack of one of them. */
  toBeInUninterruptibleSleep(inFunction?: string | RegExp): Result;
  /** The kernel log has no finding. */
  toBeClean(): Result;
  /** The machine powered off. */
  toBeOff(): Result;
  /** The machine still ran at the deadline. */
  toBeStuck(): Result;
}

declare module "vitest" {
  // Merged into vitest's own interface: the type parameters have to be the same to the letter.
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown>
    extends DstateMatchers<R> {}
}

expect.extend({
  toBeReaped(verdict: KillVerdict) {
    return {
      pass: verdict.state === "reaped",
      message: () =>
        `expected ${verdict.signal} to leave nothing${this.isNot ? " but" : ""}; found ${verdict.state}${threadLines(verdict)}`,
    };
  },
  toBeInUninterruptibleSleep(verdict: KillVerdict, inFunction?: string | RegExp) {
    const wanted = inFunction === undefined ? "" : ` in ${inFunction}`;
    return {
      pass: verdict.state === "D" && (inFunction === undefined || hasOnStack(verdict.threads, inFunction)),
      message: () =>
        `expected ${this.isNot ? "no thread" : "a thread"} in D${wanted} after ${verdict.signal}; found ${verdict.state}${threadLines(verdict)}`,
    };
  },
  toBeClean(log: KernelLog) {
    return {
      pass: log.findings.length === 0,
      message: () =>
        this.isNot
          ? "expected findings in the kernel log; found none"
          : `expected a kernel log without findings; found:\n${log.findings.map((finding) => `  ${finding.title}`).join("\n")}`,
    };
  },
  toBeOff(verdict: PowerOffVerdict) {
    return {
      pass: verdict.state === "off",
      message: () => `expected the machine ${this.isNot ? "not " : ""}to power off; ${powerLine(verdict)}`,
    };
  },
  toBeStuck(verdict: PowerOffVerdict) {
    return {
      pass: verdict.state === "stuck",
      message: () => `expected the machine ${this.isNot ? "not " : ""}to get stuck; ${powerLine(verdict)}`,
    };
  },
});

function threadLines(verdict: KillVerdict): string {
  return verdict.threads
    .map(
      (thread) =>
        `\n  ${thread.comm} (${thread.pid}/${thread.tid}) ${thread.state} ${thread.stack.map((frame) => frame.function).join(" < ")}`,
    )
    .join("");
}

function powerLine(verdict: PowerOffVerdict): string {
  const waits = verdict.shutdown.waitingFor.map((process) => process.comm).join(", ");
  return `found ${verdict.state} after ${(verdict.after / 1000).toFixed(1)} s${waits ? `, the system waits for ${waits}` : ""}`;
}

export { expect };
