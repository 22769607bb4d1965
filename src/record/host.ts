import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, freemem, loadavg, release, totalmem } from "node:os";
import { z } from "zod";

/** What a host is: how fast its trials are depends on it. */
export const hostSchema = z.object({
  /** The processor's name for itself. */
  cpu: z.string(),
  cores: z.int(),
  /** Bytes. */
  memory: z.number(),
  /** `uname -r` of the host. */
  kernel: z.string(),
  /** Such as `Debian GNU/Linux 12 (bookworm)`. */
  system: z.string(),
  architecture: z.string(),
});
export type Host = z.infer<typeof hostSchema>;

/** How busy a host was for a while: a verdict of a host that was too slow is worth less. */
export const loadSchema = z.object({
  /** Load averages of 1, 5 and 15 minutes when it began. */
  before: z.tuple([z.number(), z.number(), z.number()]),
  /** The same when it ended. */
  after: z.tuple([z.number(), z.number(), z.number()]),
  /** Share of all processors' time that was used, by whoever. */
  busy: z.number(),
  /** Share of all processors' time that the host's own hypervisor took away. */
  steal: z.number(),
  /** Bytes that were free when it ended. */
  freeMemory: z.number(),
});
export type Load = z.infer<typeof loadSchema>;

/** What this host is. */
export function describeHost(): Host {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memory: totalmem(),
    kernel: release(),
    system: systemName(read("/etc/os-release")),
    architecture: arch(),
  };
}

/**
 * Begin to watch how busy the host is; call what is returned for what was seen since.
 *
 * @example const load = watchLoad(); ...; load().steal // 0.02
 */
export function watchLoad(): () => Load {
  const before = loads();
  const start = parseTicks(read("/proc/stat"));
  return () => {
    const end = parseTicks(read("/proc/stat"));
    const total = Math.max(1, end.total - start.total);
    return {
      before,
      after: loads(),
      busy: share(total - (end.idle - start.idle), total),
      steal: share(end.steal - start.steal, total),
      freeMemory: freemem(),
    };
  };
}

/**
 * The processors' time so far, in ticks.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_stat.5.html
 * @example parseTicks("cpu  10 0 5 80 5 0 0 2 0 0").idle // 85
 */
export function parseTicks(stat: string): { total: number; idle: number; steal: number } {
  const fields = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "").split(" ").map(Number);
  // The last two, guest and guest_nice, are counted in the first two already.
  const total = fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0);
  return { total, idle: (fields[3] ?? 0) + (fields[4] ?? 0), steal: fields[7] ?? 0 };
}

function share(part: number, whole: number): number {
  return Math.round(Math.min(1, Math.max(0, part / whole)) * 1000) / 1000;
}

function loads(): [number, number, number] {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  const round = (value: number): number => Math.round(value * 100) / 100;
  return [round(one), round(five), round(fifteen)];
}

function systemName(osRelease: string): string {
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? "Linux";
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
