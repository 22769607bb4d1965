/** What strace saw of one run. */
export interface Traced {
  /** membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) calls that failed: the errno's name and the line. */
  readonly refused: readonly { readonly errno: string; readonly line: string }[];
  /** Arrivals of signal 34, which strace calls SIGRT_2. */
  readonly signals: readonly string[];
  /** Polls that a signal ended. */
  readonly interruptedPolls: readonly string[];
}

/**
 * Read the output of `strace -f -o FILE -e trace=membarrier,poll,ppoll,tkill -e signal=all`.
 *
 * @see https://man7.org/linux/man-pages/man1/strace.1.html
 */
export function parseStrace(text: string): Traced {
  const lines = text.split("\n").map((line) => line.trim());
  return {
    refused: lines.flatMap((line) => {
      const errno = /\bmembarrier\(MEMBARRIER_CMD_PRIVATE_EXPEDITED\b.*= -1 (E[A-Z]+)/.exec(line)?.[1];
      return errno === undefined ? [] : [{ errno, line }];
    }),
    signals: lines.filter((line) => /--- SIGRT_2 \{/.test(line)),
    // A poll that is interrupted ends with one of the kernel's own codes or with EINTR.
    interruptedPolls: lines.filter(
      (line) => /\bp?poll\b/.test(line) && /= (\? ERESTART\w+|-1 EINTR)/.test(line),
    ),
  };
}
