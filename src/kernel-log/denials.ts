/** A system call that a seccomp filter did not let through, as the kernel's audit line has it. */
export interface Denial {
  readonly comm: string;
  /** The call's number on the architecture of the line. */
  readonly syscall: number;
  readonly line: string;
}

/**
 * Seccomp's audit lines in a kernel log. They are there for filters that ask for it: see `logDenials` of
 * {@link runContainer}.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/auditsc.c (audit_seccomp)
 * @example parseDenials(log.text).some(({ syscall }) => syscall === 435) // clone3 on x86-64
 */
export function parseDenials(log: string): Denial[] {
  return log.split("\n").flatMap((line) => {
    if (!/type=1326\b/.test(line)) return [];
    const syscall = /\bsyscall=(\d+)/.exec(line)?.[1];
    if (syscall === undefined) return [];
    return [{ comm: /\bcomm="([^"]*)"/.exec(line)?.[1] ?? "?", syscall: Number(syscall), line: line.trim() }];
  });
}
