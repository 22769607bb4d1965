import { readFileSync, readlinkSync } from "node:fs";
import { uptime } from "node:os";
import { z } from "zod";
import { ticksPerSecond } from "./processor-time.ts";

/**
 * Which process made a thing. A pid alone is reused; together with the start time and the boot it names one
 * process for ever.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (field 22, starttime)
 */
export const ownerSchema = z.object({
  pid: z.int().positive(),
  startTime: z.string(),
  boot: z.string(),
  /** In which the pid counts: a container has one of its own. Earlier versions did not write it down. */
  pidNamespace: z.string().optional(),
});
export type Owner = z.infer<typeof ownerSchema>;

/** Read an owner that was written as JSON; undefined: the text names none, for example because it was cut short. */
export function ownerOf(json: string): Owner | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

/** The identity of a living process, or undefined when there is none with that pid. */
export function identify(pid: number): Owner | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // comm may hold spaces and brackets: fields are counted from the last bracket.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie runs nothing any more.
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return {
      pid,
      startTime: fields[19] ?? "",
      boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
      pidNamespace: readlinkSync("/proc/self/ns/pid"),
    };
  } catch {
    return undefined;
  }
}

/** This process. */
export function ownIdentity(): Owner {
  const own = identify(process.pid);
  if (!own) throw new Error("/proc does not show this process: dstate needs Linux with /proc mounted");
  return own;
}

/** How long a process is taken for alive that cannot be seen from here. */
const unseenLife = 24 * 3600;

/**
 * Whether the process that made a thing still runs. One of another container, which shares a folder with us, cannot be
 * seen: it is taken for alive for a day, until the host's next boot at the most.
 *
 * @see https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
 */
export function isAlive(owner: Owner): boolean {
  const own = identify(process.pid);
  if (owner.boot !== own?.boot) return false;
  if (owner.pidNamespace !== undefined && owner.pidNamespace !== own.pidNamespace)
    return uptime() - Number(owner.startTime) / ticksPerSecond < unseenLife;
  return identify(owner.pid)?.startTime === owner.startTime;
}
