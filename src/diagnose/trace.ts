/** A system call that strace saw, begun and resumed lines put together. */
export interface TracedCall {
  readonly type: "call";
  readonly pid: number | undefined;
  readonly call: string;
  /** What is between the brackets, as strace writes it. */
  readonly args: string;
  /** Such as `0`, `0x7f00...` or `?`. */
  readonly result: string;
  /** Such as `EPERM`; a call that a signal broke off may have one of the kernel's own, such as `ERESTART_RESTARTBLOCK`. */
  readonly errno: string | undefined;
  /** The line, to be quoted. */
  readonly line: string;
}

/** A signal that arrived. */
export interface TracedSignal {
  readonly type: "signal";
  readonly pid: number | undefined;
  /** In strace's words: `SIGRT_2` is 34. */
  readonly signal: string;
  readonly line: string;
}

export type TraceEvent = TracedCall | TracedSignal;

/**
 * Read what `strace -f -o FILE` wrote. Lines that tell neither of a call nor of a signal are passed over.
 *
 * @see https://man7.org/linux/man-pages/man1/strace.1.html
 * @example parseTrace("9 membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) = -1 EPERM (Operation not permitted)")
 */
export function parseTrace(text: string): TraceEvent[] {
  const begun = new Map<string, string>();
  return text.split("\n").flatMap((line): TraceEvent[] => {
    const [, bracketed, bare, said = ""] = /^(?:\[pid +(\d+)\] +|(\d+) +)?(.*)$/.exec(line.trim()) ?? [];
    const id = bracketed ?? bare;
    const pid = id === undefined ? undefined : Number(id);
    const signal = /^--- (SIG\w+) \{.*\} ---$/.exec(said)?.[1];
    if (signal !== undefined) return [{ type: "signal", pid, signal, line: quoted(said, pid) }];
    const [, before] = /^(.*?) *<unfinished \.\.\.>$/.exec(said) ?? [];
    if (before !== undefined) {
      begun.set(id ?? "", before);
      return [];
    }
    const [, rest] = /^<\.\.\. \w+ resumed> ?(.*)$/.exec(said) ?? [];
    const whole = rest === undefined ? said : `${begun.get(id ?? "") ?? ""}${rest}`;
    if (rest !== undefined) begun.delete(id ?? "");
    return callIn(whole, pid);
  });
}

// The arguments may hold brackets and equals signs: the result is what stands last.
const callLine = /^(\w+)\((.*)\) += (0x[0-9a-f]+|-?\d+|\?)(?:<.*>)?(?: (E[A-Z][A-Z0-9_]*))?(?: \(.*\))?$/;

function callIn(text: string, pid: number | undefined): TracedCall[] {
  const [, call, args, result, errno] = callLine.exec(text) ?? [];
  if (call === undefined || args === undefined || result === undefined) return [];
  return [{ type: "call", pid, call, args, result, errno, line: quoted(text, pid) }];
}

function quoted(text: string, pid: number | undefined): string {
  return pid === undefined ? text : `${pid} ${text}`;
}

/** The calls among the events that have one of these names. @example callsNamed(events, "clone", "clone3") */
export function callsNamed(events: readonly TraceEvent[], ...names: readonly string[]): TracedCall[] {
  return events.filter((event): event is TracedCall => event.type === "call" && names.includes(event.call));
}

/** The arrivals of a signal. @example signalsNamed(events, "SIGRT_2") */
export function signalsNamed(events: readonly TraceEvent[], name: string): TracedSignal[] {
  return events.filter((event): event is TracedSignal => event.type === "signal" && event.signal === name);
}
