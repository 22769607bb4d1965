import { randomBytes } from "node:crypto";
import type { Within } from "../base/deadline.ts";
import { timeouts } from "../base/timeouts.ts";
import type { GuestHost, GuestResult } from "./guest-host.ts";
import { parseTrace, type TraceEvent } from "./trace.ts";

/** What strace is to look at. */
export interface TraceOptions {
  /** Names of system calls. */
  readonly calls: readonly string[];
  /** Told too when they arrive. Default: none. */
  readonly signals?: "all" | "none" | undefined;
  /** Which calls are told: `failed` keeps the trace short. Default: all. */
  readonly only?: "all" | "failed" | undefined;
  /** Show the path of each file descriptor. Default: no. */
  readonly paths?: boolean | undefined;
}

export interface Trace {
  /** What strace wrote. */
  readonly text: string;
  readonly events: readonly TraceEvent[];
}

/**
 * The words before a command that put it under strace, with all its threads and children.
 *
 * @example straceWords({ calls: ["clone3"], only: "failed" }, "/tmp/strace.txt")
 */
export function straceWords(options: TraceOptions, to: string): string[] {
  return [
    ...["strace", "-f", "-o", to],
    ...(options.paths ? ["-y"] : []),
    ...["-e", `trace=${options.calls.join(",")}`],
    ...["-e", `signal=${options.signals ?? "none"}`],
    ...(options.only === "failed" ? ["-e", "status=failed"] : []),
    "--",
  ];
}

/**
 * Run a command in a guest under strace, which the images have. Its failure is a result here, not an error.
 *
 * @throws {DeadlineError} after `within`.
 * @example const { trace } = await runTraced(vm.guest, ["node", "x.mjs"], { trace: { calls: ["openat"] }, within: "30s" });
 */
export async function runTraced(
  host: GuestHost,
  command: readonly string[],
  options: {
    readonly trace: TraceOptions;
    readonly within: Within;
    readonly cwd?: string | undefined;
    readonly env?: Readonly<Record<string, string>> | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<GuestResult & { readonly trace: Trace }> {
  const { trace, within, signal, cwd, env } = options;
  const file = `/run/dstate/strace-${randomBytes(4).toString("hex")}.txt`;
  try {
    const result = await host.exec([...straceWords(trace, file), ...command], {
      within,
      signal,
      cwd,
      env,
      allowFailure: true,
    });
    const { stdout: text } = await host.exec(["cat", file], { within: timeouts.guest.copy, signal });
    return { ...result, trace: { text, events: parseTrace(text) } };
  } finally {
    await host.exec(["rm", "-f", file], { within: timeouts.guest.exec, allowFailure: true }).catch(() => {});
  }
}
