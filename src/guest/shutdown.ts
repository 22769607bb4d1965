import { oneLine, stripEscapes } from "../base/text.ts";

/** A process that systemd-shutdown named. Older versions print no pid. */
export interface ShutdownProcess {
  readonly pid?: number;
  readonly comm: string;
}

/** What the console of a machine that was told to power off, reboot or halt has said so far. */
export interface Shutdown {
  /** Targets reached, in order: `System Power Off` or `poweroff.target`, as the version at hand prints them. */
  readonly targets: readonly string[];
  /** Units whose stop jobs were waited for, each once, in order. */
  readonly stopJobs: readonly string[];
  /** Whether systemd-shutdown has taken over from the service manager. */
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
  /** What systemd asked the kernel for, as its last words. */
  readonly asked?: "power-off" | "reboot" | "halt" | "kexec";
  /** What the kernel did. A panic wins over what was asked. */
  readonly end?: "power-off" | "reboot" | "halt" | "panic";
  /** The reason of the panic. */
  readonly panic?: string;
}

const asked: readonly (readonly [RegExp, NonNullable<Shutdown["asked"]>])[] = [
  [/systemd-shutdown\[1\]: Powering off\./, "power-off"],
  [/systemd-shutdown\[1\]: Rebooting(?: with| in|\.)/, "reboot"],
  [/systemd-shutdown\[1\]: Halting system\./, "halt"],
  [/systemd-shutdown\[1\]: Rebooting with kexec\./, "kexec"],
];

const ended: readonly (readonly [RegExp, NonNullable<Shutdown["end"]>])[] = [
  [/(?:^|\W)(?:reboot: Power down|Power down\.\s*$)/, "power-off"],
  [/(?:^|\W)(?:reboot: Restarting system|Restarting system\.\s*$)/, "reboot"],
  [/(?:^|\W)(?:reboot: System halted|System halted\.\s*$)/, "halt"],
];

/**
 * Read the facts of a shutdown from a console, with or without time stamps and colours.
 *
 * @see https://github.com/systemd/systemd/blob/main/src/shutdown/shutdown.c
 * @see https://github.com/torvalds/linux/blob/master/kernel/reboot.c
 * @example readShutdown("[ 9.1] systemd-shutdown[1]: Waiting for process: 132 (node)").waitingFor // [{ pid: 132, comm: "node" }]
 */
export function readShutdown(console: string): Shutdown {
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
    const target = /Reached target (.+?)\.?$/.exec(line)?.[1];
    if (target) targets.push(oneLine(target));
    const job = /A stop job is running for (.+?)(?: \([^()]*(?:\/|no limit)[^()]*\).*)?$/.exec(line)?.[1];
    if (job) stopJobs.add(oneLine(job));
    if (line.includes("systemd-shutdown[1]:")) {
      finalPhase = true;
      if (line.includes("Sending SIGTERM to remaining processes")) sentSigterm = true;
      if (line.includes("Sending SIGKILL to remaining processes")) sentSigkill = true;
      const victim = /Sending SIGKILL to PID (\d+) \((.*)\)/.exec(line);
      if (victim) {
        sentSigkill = true;
        killed.set(victim[1] ?? "", { pid: Number(victim[1]), comm: oneLine(victim[2] ?? "") });
      }
      const list = /: Waiting for process(?:es)?: (.+)$/.exec(line)?.[1];
      if (list) {
        waitingFor = readProcesses(list);
        waits += 1;
      }
      for (const [pattern, what] of asked) if (pattern.test(line)) lastAsked = what;
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

/** `132 (node), 140 (x)` since systemd 254 or so, `node, bash` before; a comm may hold brackets and commas. */
function readProcesses(list: string): ShutdownProcess[] {
  const withPid = [...list.matchAll(/(\d+) \((.*?)\)(?=, \d+ \(|,? ?\.*…?$)/g)];
  if (withPid.length > 0) {
    return withPid.map((match) => ({ pid: Number(match[1]), comm: oneLine(match[2] ?? "") }));
  }
  return list
    .split(", ")
    .map((comm) => ({ comm: oneLine(comm) }))
    .filter((process) => process.comm !== "" && process.comm !== "...");
}
