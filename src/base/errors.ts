/**
 * The exit codes of every command. 0, 1 and 125 are what `git bisect run` understands;
 * 2 is a usage error, 70 is EX_SOFTWARE of sysexits(3), 130 is 128 + SIGINT.
 *
 * @see https://git-scm.com/docs/git-bisect#_bisect_run
 */
export const exitCode = {
  clean: 0,
  reproduced: 1,
  usage: 2,
  infraError: 70,
  inconclusive: 125,
  interrupted: 130,
} as const;

/**
 * An exit code as `git bisect run` has to be told it, which takes 2 and 70 for the bug: what failed on our side is
 * passed over, and a mistake in the command or the repro, which no other commit mends, stops the bisection.
 *
 * @see https://git-scm.com/docs/git-bisect#_bisect_run
 * @example gitBisectCode(70) // 125
 */
export function gitBisectCode(code: number): number {
  if (code === exitCode.infraError) return exitCode.inconclusive;
  return code === exitCode.usage ? gitBisectStop : code;
}

/** What ends `git bisect run`, and is no signal's. */
const gitBisectStop = 255;

export interface DstateErrorOptions {
  /** What the reader can do next, as one sentence. */
  readonly next?: string | undefined;
  /** A file that shows what happened. */
  readonly evidence?: string | undefined;
  readonly cause?: unknown;
}

/** An error of ours that a person reads: what was expected, what was found, what to do next, where to look. */
export class DstateError extends Error {
  override readonly name: string = "DstateError";
  readonly exitCode: number = exitCode.infraError;
  readonly next: string | undefined;
  readonly evidence: string | undefined;

  constructor(message: string, options: DstateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.next = options.next;
    this.evidence = options.evidence;
  }
}

/** The user asked for something that does not exist or cannot be: exit code 2. */
export class UsageError extends DstateError {
  override readonly name = "UsageError";
  override readonly exitCode = exitCode.usage;
}

/** Our side, the network or the host failed: exit code 70. It never says anything about the reported bug. */
export class InfraError extends DstateError {
  override readonly name: string = "InfraError";
}

/** A wait reached its deadline. `what` names the condition that did not come true. */
export class DeadlineError extends DstateError {
  override readonly name = "DeadlineError";
  readonly what: string;
  /** How long it was waited for. */
  readonly milliseconds: number;
  /** The same for people, with what a busy host gave of it. */
  readonly lasted: string;
  constructor(
    what: string,
    milliseconds: number,
    options: DstateErrorOptions & {
      /** How much of it a busy host gave. Milliseconds. */
      readonly served?: number | undefined;
    } = {},
  ) {
    const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;
    const { served } = options;
    const lasted = `${seconds(milliseconds)}${served === undefined ? "" : `, of which this busy host gave ${seconds(served)},`}`;
    super(`waited ${lasted} for ${what}, in vain`, options);
    this.what = what;
    this.milliseconds = milliseconds;
    this.lasted = lasted;
  }
}

/** The user interrupted the run (Ctrl-C, SIGTERM): exit code 130. */
export class InterruptedError extends DstateError {
  override readonly name = "InterruptedError";
  override readonly exitCode = exitCode.interrupted;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
