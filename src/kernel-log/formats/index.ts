import type { LogLine } from "../../kernel-lines/line.ts";
import { devices } from "./devices.ts";
import { faults } from "./faults.ts";
import { filesystems } from "./filesystems.ts";
import type { Format } from "./format.ts";
import { locks } from "./locks.ts";
import { memory } from "./memory.ts";
import { panics, warnings } from "./others.ts";
import { sanitizers } from "./sanitizers.ts";
import { stalls } from "./stalls.ts";

export type { Format } from "./format.ts";

/** Every format, the more particular ones first: the first that matches a line wins. */
export const formats: readonly Format[] = [
  ...sanitizers,
  ...faults,
  ...locks,
  ...stalls,
  ...memory,
  ...panics,
  ...filesystems,
  ...warnings,
  ...devices,
];

/** Lines that look like the start of a report and are none. */
export const harmless: readonly RegExp[] = [
  /^INFO: (?:lockdep is turned off|NMI handler|Stall ended before|recovery required)/,
  /^WARNING: (?:\/etc\/ssh|[Tt]he mand mount option)/,
  /^BUG: Bad page \w+: \d+ messages suppressed/,
  /^BUG: (?:KASAN|KMSAN|KCSAN|KFENCE)$/,
];

/** What the kernel draws above a report of WARN and BUG. */
export const cutLine = /^-+\[ cut here \]-+|^8<--- cut here ---/;

/** The line that the kernel's `panic()` prints. */
export const panicLine = /^Kernel panic(?: - not syncing)?: /;

/**
 * All patterns in one for each set of flags, without the names of their groups: a line that begins nothing is known
 * by one look.
 */
const anyFormat = [...Map.groupBy(formats, ({ pattern }) => pattern.flags)].map(
  ([flags, group]) =>
    new RegExp(group.map(({ pattern }) => pattern.source.replaceAll(/\(\?<\w+>/g, "(?:")).join("|"), flags),
);

/** Whether a line, without its prefix, is the first one of some format. */
export function isFirstLine(text: string): boolean {
  return anyFormat.some((pattern) => pattern.test(text));
}

/** The format that a line is the first one of, if it is. */
export function firstFormat(line: LogLine): Format | undefined {
  if (!isFirstLine(line.text) || harmless.some((pattern) => pattern.test(line.text))) return undefined;
  return formats.find((format) => (!format.stamped || line.stamped) && format.pattern.test(line.text));
}
