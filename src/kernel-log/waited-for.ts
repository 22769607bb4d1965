import { locking } from "../kernel-functions/locking.ts";
import { lookup } from "../kernel-functions/names.ts";
import { waiting } from "../kernel-functions/waiting.ts";
import type { Finding } from "./finding.ts";
import { plainName } from "./frame.ts";

const primitive = lookup(waiting, locking);

/** What a task waits for, as its call chain tells. */
export interface WaitedFor {
  /** In words: `a mutex`. */
  readonly what: string;
  /** The function that waits, and the kernel's file that it is in. */
  readonly function: string;
  readonly file: string;
}

/**
 * What a task waits for: the outermost of the functions that wait or lock, between the scheduler and the function
 * to blame.
 *
 * @returns undefined when the call chain does not tell.
 * @example waitedFor(finding)?.what // "a mutex"
 */
export function waitedFor(finding: Finding): WaitedFor | undefined {
  const reliable = finding.frames.filter((frame) => frame.reliable);
  const guilty = reliable.findIndex((frame) => plainName(frame.function) === finding.guilty);
  const inner = guilty < 0 ? reliable : reliable.slice(0, guilty);
  for (const frame of inner.toReversed()) {
    const name = plainName(frame.function);
    const known = primitive(name);
    if (known?.what !== undefined) return { what: known.what, function: name, file: known.file };
  }
  return undefined;
}
