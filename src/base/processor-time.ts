import { readFile } from "node:fs/promises";

/** Ticks of the times in /proc: the same for every program on Linux. @see https://man7.org/linux/man-pages/man3/sysconf.3.html */
export const ticksPerSecond = 100;

/**
 * What all threads of a process have computed so far, in milliseconds, in steps of ten.
 *
 * @returns undefined when it has ended.
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 * @example const before = await processorTime(machine.pid);
 */
export async function processorTime(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  // comm may hold spaces and brackets: fields are counted from the last bracket, where the state is, which is field 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}
