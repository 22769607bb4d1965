import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Nice values go to 19. This one has about a tenth of a processor that somebody else wants as well. */
const niceness = 10;

/**
 * Let everything else on this host go before a program that has just started in a session of its own, and before all
 * that it will start. Where the kernel groups what it runs by sessions, a nice value counts within the session only,
 * and the session has one of its own.
 *
 * It is a courtesy: where the host refuses it, the program runs as any other does.
 *
 * @param leader the process id of the session's leader.
 * @see https://man7.org/linux/man-pages/man7/sched.7.html (The autogroup feature)
 */
export function letOthersFirst(leader: number): void {
  quietly(() => setPriority(leader, niceness));
  quietly(() => writeFileSync(`/proc/${leader}/autogroup`, `${niceness}`));
}

function quietly(change: () => void): void {
  try {
    change();
  } catch {
    // It has ended, or this kernel has no such thing.
  }
}
