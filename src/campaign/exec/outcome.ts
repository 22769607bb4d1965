import type { StuckThread } from "../../guest/kill-verdict.ts";
import type { PowerOffVerdict } from "../../guest/power-off.ts";
import type { Finding } from "../../kernel-log/finding.ts";
import { traitsOf } from "../../kernel-log/kinds.ts";

/**
 * How a command in a guest ended.
 * - `exited`, `signalled`: by itself, or by a signal that somebody in the guest sent.
 * - `out-of-memory`: the guest's kernel killed it, or a part of it, for want of memory.
 * - `stuck`: a thread of it was in one uninterruptible sleep while nothing moved; `afterKill` tells what SIGKILL did.
 * - `late`: it had not ended when its time was over.
 * - `crashed`: the guest's kernel panicked or oopsed meanwhile.
 * - `machine-ended`: the machine powered off or reset itself.
 */
export type CommandEnd =
  | { readonly type: "exited"; readonly exitCode: number }
  | { readonly type: "signalled"; readonly signal: string }
  | { readonly type: "out-of-memory"; readonly exitCode: number | null; readonly signal: string | null }
  | { readonly type: "stuck" | "late"; readonly afterKill: AfterKill }
  | { readonly type: "crashed"; readonly reason: string }
  | { readonly type: "machine-ended"; readonly reason: string };

/** What SIGKILL left of a command. */
export interface AfterKill {
  readonly state: "reaped" | "zombie" | "D" | "running" | "unknown";
  readonly threads: readonly StuckThread[];
}

/** What one kernel made of the command. */
export interface ExecCell {
  /** As it was asked for. */
  readonly kernel: string;
  /** What `uname -r` says; undefined: the machine did not come so far. */
  readonly version: string | undefined;
  /** `infra-error`: our side or the host failed, and nothing is known of the command. */
  readonly outcome: "green" | "red" | "infra-error";
  readonly end: CommandEnd | undefined;
  /** Why there is no end: what failed on our side. */
  readonly failure: string | undefined;
  /** Milliseconds of the host, from the command's start to its end. */
  readonly took: number;
  readonly findings: readonly Finding[];
  readonly powerOff: PowerOffVerdict["state"] | undefined;
  /** Results that were brought back to the host. */
  readonly taken: readonly string[];
  /** The folder with its console, log and output. */
  readonly evidence: string;
}

/** What a cell is judged by. */
export type ExecFacts = Pick<ExecCell, "end" | "findings" | "powerOff">;

/**
 * Whether a command did well: it ran to its own end with exit code 0, the kernel said nothing worse than a notice and
 * killed nothing for want of memory, and the machine powered off.
 *
 * @example judgeCommand({ end: { type: "exited", exitCode: 0 }, findings: [], powerOff: "off" }) // "green"
 */
export function judgeCommand({ end, findings, powerOff }: ExecFacts): "green" | "red" {
  const good = end?.type === "exited" && end.exitCode === 0;
  return good && powerOff === "off" && !findings.some(isBad) ? "green" : "red";
}

/** Whether a finding speaks against a command: a process killed for want of memory does, though it is a notice. */
export function isBad(finding: Finding): boolean {
  return traitsOf(finding.kind).severity !== "notice" || finding.kind === "out-of-memory";
}

/**
 * How a command ended, when its exit is known: killed for want of memory even where only a part of it was.
 *
 * @param exit as ssh tells.
 */
export function endOf(
  exit: { readonly exitCode: number | null; readonly signal: string | null },
  findings: readonly Finding[],
): CommandEnd {
  if (findings.some(({ kind }) => kind === "out-of-memory")) return { type: "out-of-memory", ...exit };
  if (exit.exitCode !== null) return { type: "exited", exitCode: exit.exitCode };
  return { type: "signalled", signal: exit.signal ?? "an unknown signal" };
}

/** The exit code of all cells together: what failed on our side leaves the answer incomplete. */
export function worstOf(cells: readonly Pick<ExecCell, "outcome">[]): "green" | "red" | "infra-error" {
  for (const outcome of ["infra-error", "red"] as const)
    if (cells.some((cell) => cell.outcome === outcome)) return outcome;
  return cells.length === 0 ? "infra-error" : "green";
}

/** How a command ended, in words. */
export function describeEnd(end: CommandEnd): string {
  switch (end.type) {
    case "exited":
      return `exit code ${end.exitCode}`;
    case "signalled":
      return `ended by ${end.signal}`;
    case "out-of-memory":
      return `out of memory: the guest's kernel killed a process (${end.signal ?? `exit code ${end.exitCode}`})`;
    case "crashed":
    case "machine-ended":
      return end.reason;
    case "stuck":
    case "late":
      return [
        end.type === "stuck" ? "stuck" : "had not ended when its time was over",
        `SIGKILL left ${end.afterKill.state}`,
        ...end.afterKill.threads
          .filter(({ state }) => state === "D")
          .map(
            ({ comm, stack }) =>
              `${comm}: ${stack
                .slice(0, 4)
                .map((frame) => frame.function)
                .join(" < ")}`,
          ),
      ].join("\n");
  }
}
