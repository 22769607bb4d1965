import { oneLine } from "../base/text.ts";
import type { SourcePlace } from "../kernel-log/finding.ts";
import { type Finding, type Frame, findingKinds, type Severity } from "../kernel-log/kernel-log.ts";
import { fingerprint } from "../kernel-log/signature.ts";

/** A finding as `--json` prints it. */
export interface FindingRecord extends Finding {
  readonly severity: Severity;
  /** The same for every occurrence of the bug. */
  readonly fingerprint: string;
}

/** A finding as a record that is ready for `JSON.stringify`. */
export function findingRecord(finding: Finding): FindingRecord {
  return {
    ...finding,
    severity: findingKinds[finding.kind].severity,
    fingerprint: fingerprint(finding),
  };
}

/**
 * A frame as the kernel prints it.
 *
 * @example frameText({ function: "foo", offset: 1, size: 32, reliable: false }) // "? foo+0x1/0x20"
 */
export function frameText(frame: Frame): string {
  const place =
    frame.offset === undefined ? "" : `+0x${frame.offset.toString(16)}/0x${(frame.size ?? 0).toString(16)}`;
  return oneLine(
    [
      `${frame.reliable ? "" : "? "}${frame.function}${place}`,
      ...(frame.module === undefined ? [] : [`[${frame.module}]`]),
      ...(frame.file === undefined ? [] : [frame.file]),
    ].join(" "),
  );
}

/**
 * Where a frame is in the source.
 *
 * @example placeText({ function: "foo", file: "fs/x.c", line: 7, inlined: true }) // "at fs/x.c:7 (inlined foo)"
 */
export function placeText(place: SourcePlace): string {
  return oneLine(`at ${place.file}:${place.line}${place.inlined ? ` (inlined ${place.function})` : ""}`);
}
