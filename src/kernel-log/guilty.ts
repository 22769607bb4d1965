import { dispatching, roots } from "../kernel-functions/entering.ts";
import { helping } from "../kernel-functions/helping.ts";
import { exceptionEntries, interrupting, ticks, timerEntries } from "../kernel-functions/interrupting.ts";
import { locking } from "../kernel-functions/locking.ts";
import { type NameTest, oneOf, remembering } from "../kernel-functions/names.ts";
import { reporting } from "../kernel-functions/reporting.ts";
import { sharing } from "../kernel-functions/sharing.ts";
import { waiting } from "../kernel-functions/waiting.ts";
import type { Frame } from "./finding.ts";
import { plainName } from "./frame.ts";
import { type FindingKind, traitsOf } from "./kinds.ts";

/** How rustc's mangling (v0) and its shims name what begins a panic. */
const rustPanic = /panicking.*panic|^_*rust.*panic/;

const reports = oneOf(reporting);
const neverGuilty = oneOf(reporting, helping, locking, sharing, waiting, roots);
const inInterrupts = oneOf(interrupting);
const dispatches = remembering(oneOf(roots, dispatching));
const entersTimer = remembering(oneOf(timerEntries));
const isTick = remembering(oneOf(ticks));
const startsOrWaits = oneOf(roots, waiting);
const entersException = remembering(oneOf(exceptionEntries));

/** Names that stand for no function. */
const nameless = /^(?:0x)?[0-9a-f]{6,16}$|^0x|^$/;

const blameless = (interrupted: boolean): NameTest =>
  remembering((name) => {
    const plain = plainName(name);
    return [plain, ...withoutOneRepeat(plain)].some(
      (text) =>
        nameless.test(text) ||
        neverGuilty(text) ||
        (interrupted && inInterrupts(text)) ||
        rustPanic.test(text),
    );
  });
const blamelessAnywhere = blameless(false);
const blamelessInStalls = blameless(true);

/** Whether a function is one that a title of this kind should not blame. */
export function isBlameless(kind: FindingKind, name: string): boolean {
  return traitsOf(kind).interrupted ? blamelessInStalls(name) : blamelessAnywhere(name);
}

/** An emulated serial line now and then prints a character twice: `scheedule` is `schedule`. */
function withoutOneRepeat(name: string): string[] {
  return [...name.matchAll(/([a-z])\1/g)].map(
    (match) => name.slice(0, match.index) + name.slice(match.index + 1),
  );
}

/**
 * The function to blame: the first of the call chain that is no wait, lock, helper or part of the report itself;
 * addresses that were only found on the stack (`? foo`) count when there is nothing better.
 *
 * @example guiltyFrame("hung-task", frames)?.function // "io_uring_del_tctx_node"
 */
export function guiltyFrame(kind: FindingKind, frames: readonly Frame[]): Frame | undefined {
  const particular = traitsOf(kind).stallOfCpu ? entered(kind, frames) : undefined;
  if (particular) return particular;
  const free = (frame: Frame): boolean => !isBlameless(kind, frame.function);
  // Of addresses that were only found on the stack, those above the exception's entry are of its own handling.
  const handled = frames.findLastIndex((frame) => entersException(frame.function));
  return (
    frames.find((frame) => frame.reliable && free(frame)) ??
    frames.find((frame, index) => index > handled && !frame.reliable && free(frame)) ??
    frames.find((frame) => !frame.reliable && free(frame)) ??
    frames.find((frame) => frame.reliable && canBeBlamed(kind, frame.function))
  );
}

/**
 * A CPU that stalls is caught anywhere in a loop, so the innermost function differs from one time to the next. The
 * one that generic code entered it by does not.
 */
function entered(kind: FindingKind, frames: readonly Frame[]): Frame | undefined {
  const reliable = frames.filter((frame) => frame.reliable);
  const tick = reliable.findIndex((frame) => isTick(frame.function));
  let start = 0;
  if (tick >= 0) {
    const entry = reliable.findIndex((frame, index) => index > tick && entersTimer(frame.function));
    if (entry >= 0) start = entry + 1;
    while (entersTimer(reliable[start]?.function ?? "")) start += 1;
  }
  const own = reliable.slice(start);
  const end = own.findIndex((frame, index) => index > 0 && dispatches(frame.function));
  const inside = end < 0 ? own : own.slice(0, end);
  const found = inside.findLast((frame) => !isBlameless(kind, frame.function) && !dispatches(frame.function));
  return found ?? own.find((frame) => /(?:^|_)sys_\w|^SyS_/.test(frame.function));
}

/**
 * Whether a function may be named for want of a better one. A lock or a helper that crashed may: nothing else is
 * known. Where tasks wait and where threads begin tells nothing, and would make one bug of many.
 */
function canBeBlamed(kind: FindingKind, name: string): boolean {
  const plain = plainName(name);
  return !traitsOf(kind).stalls && !isMachinery(plain) && !startsOrWaits(plain);
}

/** Whether a function only reports; a lock or helper can still be blamed when nothing else is there. */
export function isMachinery(name: string): boolean {
  const plain = plainName(name);
  return nameless.test(plain) || reports(plain) || rustPanic.test(plain);
}
