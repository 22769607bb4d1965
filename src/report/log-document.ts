import type { DebugKernel } from "../decode/decode.ts";
import type { Occurrence } from "../kernel-log/groups.ts";
import type { HeldLock, Wait } from "../kernel-log/waits.ts";
import type { DecodedReport } from "../log/decode.ts";
import { type FindingRecord, findingRecord } from "./findings.ts";

/** A log's findings as one JSON document. */
export interface LogDocument {
  readonly log: string;
  readonly compression: string | null;
  readonly lines: number;
  readonly bytes: number;
  readonly total: number;
  readonly omitted: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly decodedWith: readonly DebugKernel[];
  readonly findings: readonly (FindingRecord & {
    readonly count: number;
    readonly occurrences: readonly Occurrence[];
  })[];
  /** Who waits for whom, where the kernel says it. */
  readonly waits: readonly Wait[];
  /** The locks that the kernel listed. */
  readonly heldLocks: readonly HeldLock[];
}

/** Everything that is known of a log, ready for `JSON.stringify`. */
export function logDocument(report: DecodedReport): LogDocument {
  const kinds: Record<string, number> = {};
  for (const { finding, count } of report.groups) kinds[finding.kind] = (kinds[finding.kind] ?? 0) + count;
  return {
    log: report.name,
    compression: report.compression ?? null,
    lines: report.lines,
    bytes: report.bytes,
    total: report.total,
    omitted: report.omitted,
    kinds,
    decodedWith: report.decodedWith,
    findings: report.groups.map(({ finding, count, occurrences }) => ({
      ...findingRecord(finding),
      count,
      occurrences,
    })),
    waits: report.waits,
    heldLocks: report.heldLocks,
  };
}
