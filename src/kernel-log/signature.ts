import type { Finding } from "./finding.ts";
import { plainName } from "./frame.ts";
import { isBlameless } from "./guilty.ts";
import { type FindingKind, traitsOf } from "./kinds.ts";

/** How many callers of the guilty function tell one bug from another. */
const depth = 4;

/**
 * A finding reduced to what is the same each time the bug shows: its kind, the guilty function and the callers that
 * matter. Addresses, offsets, pids, times, compiler suffixes, waits and locks are left out. A CPU that stalls is
 * caught anywhere below the guilty function, so only that function counts there.
 *
 * @example log.findings.map(fingerprint) // "hung-task io_uring_del_tctx_node < io_uring_clean_tctx < io_uring_cancel_generic"
 */
export function fingerprint(finding: Finding): string {
  // A title that blames nobody, such as a panic's, says all by itself, or with the line that it stands for.
  if (finding.guilty === undefined || !finding.title.includes(finding.guilty)) {
    const where = finding.frames.length === 0 ? finding.detail?.where : undefined;
    return [finding.kind, withoutNumbers(finding.title), ...(where === undefined ? [] : [where])].join(" ");
  }
  if (traitsOf(finding.kind).stallOfCpu) return `${finding.kind} ${finding.guilty}`;
  const chain = significantFrames(finding);
  const callers = chain.slice(chain.indexOf(finding.guilty) + 1, chain.indexOf(finding.guilty) + depth);
  return [`${finding.kind} ${finding.guilty}`, ...callers].join(" < ");
}

/**
 * Whether two findings show the same bug, so that their occurrences can be counted together. Callers are compared
 * as far as both chains go: a log that was cut off still counts, and so does one in which the serial line printed a
 * character twice. Count with this rather than with fingerprints as keys.
 *
 * @example log.findings.filter((one) => log.findings.some((other) => one !== other && sameBug(one, other)))
 */
export function sameBug(a: Finding, b: Finding): boolean {
  return sameFingerprint(comparable(a), comparable(b));
}

/**
 * A fingerprint for {@link sameFingerprint}: what differs by a character that was printed twice is equal in it.
 *
 * @example comparable(finding)
 */
export function comparable(finding: Finding): string {
  return unrepeated(fingerprint(finding));
}

/** What {@link sameBug} says of the findings that these are the {@link comparable} fingerprints of. */
export function sameFingerprint(a: string, b: string): boolean {
  if (a === b) return true;
  const [left = "", ...callersLeft] = a.split(" < ");
  const [right = "", ...callersRight] = b.split(" < ");
  if (left !== right) return false;
  return callersLeft.every(
    (name, index) => callersRight[index] === undefined || callersRight[index] === name,
  );
}

/** What a finding is to be like; what is left out does not matter. */
export interface FindingPattern {
  readonly kind?: FindingKind | readonly FindingKind[] | undefined;
  /**
   * Functions that the call chain holds in this order, innermost first; others may stand between them. Without what
   * the compiler appended: `__mutex_lock`, not `__mutex_lock.constprop.0`.
   */
  readonly frames?: readonly string[] | undefined;
  /** The whole title, or a pattern that is found in it. */
  readonly title?: string | RegExp | undefined;
  /** The task's name, with `#` for any number: `iou-sqp-#`. */
  readonly task?: string | undefined;
}

/**
 * Whether a finding is of the kind, and holds the frames, that a signature names. See also {@link finding}.
 *
 * @example log.findings.some((each) => matchesFinding(each, { kind: "hung-task", frames: ["__mutex_lock"] }))
 */
export function matchesFinding(finding: Finding, pattern: FindingPattern): boolean {
  if (pattern.kind !== undefined && ![pattern.kind].flat().includes(finding.kind)) return false;
  if (pattern.task !== undefined && taskName(finding.task ?? "") !== taskName(pattern.task)) return false;
  const { title } = pattern;
  if (typeof title === "string" && title !== finding.title) return false;
  if (title instanceof RegExp && !title.test(finding.title)) return false;
  return holdsFrames(finding.frames, pattern.frames ?? []);
}

/**
 * A test for findings, to be handed to `some`, `find` or `filter`: how a repro's signature says "this finding".
 *
 * @example
 * const isThisBug = finding({ kind: "hung-task", frames: ["__mutex_lock", "io_uring_del_tctx_node"] });
 * const signature = ({ log }: Observation) => log.findings.some(isThisBug);
 */
export function finding(pattern: FindingPattern): (candidate: Finding) => boolean {
  return (candidate) => matchesFinding(candidate, pattern);
}

/**
 * Whether a call chain holds functions in this order, innermost first; others may stand between them. For the
 * frames of a finding and for the stacks of threads.
 *
 * @example thread.state === "D" && holdsFrames(thread.stack, ["io_uring_del_tctx_node", "do_exit"])
 */
export function holdsFrames(
  frames: readonly { readonly function: string }[],
  names: readonly string[],
): boolean {
  let at = 0;
  for (const name of names) {
    at = frames.findIndex((frame, index) => index >= at && plainName(frame.function) === name) + 1;
    if (at === 0) return false;
  }
  return true;
}

/**
 * The finding that a log is about: the first that is no mere notice (such as a file system's) and follows from no
 * other one; a notice when there is nothing else.
 *
 * @example primaryFinding(parseKernelLog(text))?.title
 */
export function primaryFinding(findings: readonly Finding[]): Finding | undefined {
  const causes = findings.filter((finding) => finding.follows === undefined);
  return causes.find((finding) => traitsOf(finding.kind).severity !== "notice") ?? causes[0] ?? findings[0];
}

function significantFrames(finding: Finding): string[] {
  return finding.frames
    .filter((frame) => frame.reliable && !isBlameless(finding.kind, frame.function))
    .map((frame) => plainName(frame.function));
}

/** An emulated serial line now and then prints a character twice; no two functions differ in that only. */
function unrepeated(text: string): string {
  return text.replace(/(\w)\1+/g, "$1");
}

function withoutNumbers(text: string): string {
  return text.replace(/\b(?:0x[0-9a-f]+|[0-9a-f]{8,16}|\d+)\b/gi, "#");
}

function taskName(name: string): string {
  return name.replace(/\d+/g, "#");
}
