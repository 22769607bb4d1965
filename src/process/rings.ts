/** An io_uring ring of a process, as its fdinfo shows it. Counters wrap at 32 bits. */
export interface Ring {
  readonly fd: number;
  /** False: the file was empty. Recent kernels show nothing of a ring whose lock is held. */
  readonly shown: boolean;
  /** Submission queue: the kernel reads at the head, the program writes at the tail. */
  readonly sqHead?: number;
  readonly sqTail?: number;
  /** Completion queue: the program reads at the head, the kernel writes at the tail. */
  readonly cqHead?: number;
  readonly cqTail?: number;
  /** Places in the completion queue. */
  readonly cqEntries?: number;
  /** Submissions that the kernel has not taken, and completions that the program has not. */
  readonly unsubmitted?: number;
  readonly unread?: number;
  /**
   * The kernel thread that polls the submission queue, and its CPU. Missing without one, and where the ring's lock
   * was held while this was read: the kernel only tries that lock.
   */
  readonly sqThread?: number;
  readonly sqThreadCpu?: number;
  readonly registeredFiles?: number;
  readonly registeredBuffers?: number;
  /** Requests that wait for a file to be ready. */
  readonly polls: number;
  /** Completions that found the completion queue full. */
  readonly overflow: number;
}

/**
 * Read /proc/PID/fdinfo/FD of a ring.
 *
 * @see https://github.com/torvalds/linux/blob/master/io_uring/fdinfo.c
 * @example parseRing(19, text).unread
 */
export function parseRing(fd: number, text: string): Ring {
  const field = (name: string): number | undefined => {
    const value = new RegExp(`^${name}:\\s*(-?\\d{1,10}|0x[0-9a-f]{1,8})\\b`, "m").exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  const known = (name: string): number | undefined => {
    const value = field(name);
    return value === undefined || value < 0 ? undefined : value;
  };
  const between = (head?: number, tail?: number): number | undefined =>
    head === undefined || tail === undefined ? undefined : (tail - head) >>> 0;
  const [sqHead, sqTail, cqHead, cqTail] = ["SqHead", "SqTail", "CqHead", "CqTail"].map(field);
  const mask = field("CqMask");
  const facts = {
    sqHead,
    sqTail,
    cqHead,
    cqTail,
    cqEntries: mask === undefined ? undefined : mask + 1,
    unsubmitted: between(sqHead, sqTail),
    unread: between(cqHead, cqTail),
    sqThread: known("SqThread"),
    sqThreadCpu: known("SqThreadCpu"),
    registeredFiles: field("UserFiles"),
    registeredBuffers: field("UserBufs"),
  };
  return {
    fd,
    shown: sqHead !== undefined || cqHead !== undefined,
    ...Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)),
    polls: listed(text, "PollList"),
    overflow: listed(text, "CqOverflowList"),
  };
}

/** How many indented lines follow a headline. */
function listed(text: string, headline: string): number {
  const block = new RegExp(`^${headline}:\\n((?:[ \\t]+\\S.*(?:\\n|$))*)`, "m").exec(text)?.[1] ?? "";
  return block.split("\n").filter((line) => line.trim() !== "").length;
}
