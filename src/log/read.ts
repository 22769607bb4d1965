import { type FindingGroup, FindingGroups } from "../kernel-log/groups.ts";
import { type Finding, KernelLogParser, type Severity } from "../kernel-log/kernel-log.ts";
import { severities, traitsOf } from "../kernel-log/kinds.ts";
import type { HeldLock, Wait } from "../kernel-log/waits.ts";
import type { Compression } from "./decompress.ts";
import type { OpenLog } from "./open.ts";

/** What a log says, all in all. */
export interface LogReport {
  readonly name: string;
  readonly compression?: Compression;
  /** Of the log as text. */
  readonly lines: number;
  readonly bytes: number;
  /** Every finding counts, also one that shows a bug again. */
  readonly total: number;
  /** How many findings were of bugs beyond those that are kept. */
  readonly omitted: number;
  /** How many findings there are of each severity. */
  readonly severities: Readonly<Record<Severity, number>>;
  /** Who waits for whom, where the kernel says it. */
  readonly waits: readonly Wait[];
  /** The locks that the kernel listed, with the tasks that hold or want them. */
  readonly heldLocks: readonly HeldLock[];
  /** Findings of the same bug together, in the order of their first lines. */
  readonly groups: readonly FindingGroup[];
}

/**
 * Read a log to its end, in bounded memory however long it is.
 *
 * @example const report = await readLog(await openLogFile("dmesg.txt", { signal }), { signal });
 */
export async function readLog(
  log: OpenLog,
  options: {
    readonly signal: AbortSignal;
    /** Told how many bytes of its text were read. */
    readonly onBytes?: ((bytes: number) => void) | undefined;
  },
): Promise<LogReport> {
  const parser = new KernelLogParser();
  const groups = new FindingGroups();
  const counts: Record<Severity, number> = { crash: 0, stall: 0, check: 0, notice: 0 };
  let bytes = 0;
  const add = (findings: readonly Finding[]): void => {
    for (const finding of findings) {
      counts[traitsOf(finding.kind).severity] += 1;
      groups.add(finding);
    }
  };
  for await (const chunk of log.chunks) {
    options.signal.throwIfAborted();
    bytes += chunk.length;
    options.onBytes?.(bytes);
    add(parser.push(chunk));
  }
  add(parser.end());
  return {
    name: log.name,
    ...(log.compression === undefined ? {} : { compression: log.compression }),
    lines: parser.lines,
    bytes,
    total: Object.values(counts).reduce((sum, count) => sum + count, 0),
    severities: counts,
    waits: parser.waits,
    heldLocks: parser.heldLocks,
    omitted: groups.omitted,
    groups: groups.list(),
  };
}

/**
 * Whether a log has a finding that is as bad as this or worse.
 *
 * @example hasFindings(report, "stall") // true for a crash, too
 */
export function hasFindings(report: Pick<LogReport, "severities">, from: Severity = "notice"): boolean {
  return severities
    .slice(0, severities.indexOf(from) + 1)
    .some((severity) => report.severities[severity] > 0);
}
