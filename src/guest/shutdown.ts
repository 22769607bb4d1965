import { oneLine, stripEscapes } from "../base/text.ts";
import type { ShutdownLines, ShutdownProcess, ShutdownRequest } from "../image/system.ts";

export type { ShutdownProcess } from "../image/system.ts";

/** What the console of a machine that was told to power off, reboot or halt has said so far. */
export interface Shutdown {
  /** Targets reached, in order: `System Power Off` or `poweroff.target`, as the version at hand prints them. */
  readonly targets: readonly string[];
  /** Units whose stop jobs were waited for, each once, in order. */
  readonly stopJobs: readonly string[];
  /** Whether the last stage has taken over, as systemd-shutdown does from the service manager. */
  readonly finalPhase: boolean;
  /** Whether it sent SIGTERM and SIGKILL to the remaining processes. */
  readonly sentSigterm: boolean;
  readonly sentSigkill: boolean;
  /** The processes named when SIGKILL was sent. */
  readonly killed: readonly ShutdownProcess[];
  /** The latest list of processes that it waits for: after SIGKILL, these are the ones that do not die. */
  readonly waitingFor: readonly ShutdownProcess[];
  /** How often it said that it waits. */
  readonly waits: number;
  /** What the system asked the kernel for, as its last words. */
  readonly asked?: ShutdownRequest;
  /** What the kernel did. A panic wins over what was asked. */
  readonly end?: "power-off" | "reboot" | "halt" | "panic";
  /** The reason of the panic. */
  readonly panic?: string;
}

/** What the kernel says of each end, whatever asked for it. @see https://github.com/torvalds/linux/blob/master/kernel/reboot.c */
const ended: readonly (readonly [RegExp, NonNullable<Shutdown["end"]>])[] = [
  [/(?:^|\W)(?:reboot: Power down|Power down\.\s*$)/, "power-off"],
  [/(?:^|\W)(?:reboot: Restarting system|Restarting system\.\s*$)/, "reboot"],
  [/(?:^|\W)(?:reboot: System halted|System halted\.\s*$)/, "halt"],
];

/**
 * Read the facts of a shutdown from a console, with or without time stamps and colours.
 *
 * @param lines what the guest's system prints.
 * @example readShutdown("[ 9.1] systemd-shutdown[1]: Waiting for process: 132 (node)", systemd.shutdown).waitingFor // [{ pid: 132, comm: "node" }]
 */
export function readShutdown(console: string, lines: ShutdownLines): Shutdown {
  const targets: string[] = [];
  const stopJobs = new Set<string>();
  const killed = new Map<string, ShutdownProcess>();
  let waitingFor: readonly ShutdownProcess[] = [];
  let waits = 0;
  let finalPhase = false;
  let sentSigterm = false;
  let sentSigkill = false;
  let lastAsked: Shutdown["asked"];
  let end: Shutdown["end"];
  let panic: string | undefined;

  for (const raw of console.split(/[\r\n]+/)) {
    if (!raw) continue;
    const line = stripEscapes(raw.slice(0, 4096)).trimEnd();
    const target = lines.target.exec(line)?.[1];
    if (target) targets.push(oneLine(target));
    const job = lines.stopJob.exec(line)?.[1];
    if (job) stopJobs.add(oneLine(job));
    if (lines.lastStage.test(line)) {
      finalPhase = true;
      if (lines.sigterm.test(line)) sentSigterm = true;
      if (lines.sigkill.test(line)) sentSigkill = true;
      const victim = lines.killed.exec(line);
      if (victim) {
        sentSigkill = true;
        killed.set(victim[1] ?? "", { pid: Number(victim[1]), comm: oneLine(victim[2] ?? "") });
      }
      const list = lines.waitingFor.exec(line)?.[1];
      if (list) {
        waitingFor = lines.readProcesses(list);
        waits += 1;
      }
      for (const [pattern, what] of lines.requests) if (pattern.test(line)) lastAsked = what;
    }
    for (const [pattern, what] of ended) if (pattern.test(line) && end !== "panic") end = what;
    const reason = /Kernel panic - not syncing: (.*)$/.exec(line)?.[1];
    if (reason !== undefined && end !== "panic") {
      end = "panic";
      panic = oneLine(reason);
    }
  }
  return {
    targets,
    stopJobs: [...stopJobs],
    finalPhase,
    sentSigterm,
    sentSigkill,
    killed: [...killed.values()],
    waitingFor,
    waits,
    ...(lastAsked === undefined ? {} : { asked: lastAsked }),
    ...(end === undefined ? {} : { end }),
    ...(panic === undefined ? {} : { panic }),
  };
}
