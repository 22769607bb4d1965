import { type FindingGroup, FindingGroups } from "../kernel-log/groups.ts";
import { KernelLogParser } from "../kernel-log/kernel-log.ts";
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
  /** Findings of the same bug together, in the order of their first lines. */
  readonly groups: readonly FindingGroup[];
}

/**
 * Read a log to its end, in bounded memory however long it is.
 *
 * @example const report = await readLog(await openLogFile("dmesg.txt", { signal }), { signal });
 */
export async function readLog(log: OpenLog, options: { signal: AbortSignal }): Promise<LogReport> {
  const parser = new KernelLogParser();
  const groups = new FindingGroups();
  let bytes = 0;
  let total = 0;
  for await (const chunk of log.chunks) {
    options.signal.throwIfAborted();
    bytes += chunk.length;
    for (const finding of parser.push(chunk)) {
      total += 1;
      groups.add(finding);
    }
  }
  for (const finding of parser.end()) {
    total += 1;
    groups.add(finding);
  }
  return {
    name: log.name,
    ...(log.compression === undefined ? {} : { compression: log.compression }),
    lines: parser.lines,
    bytes,
    total,
    omitted: groups.omitted,
    groups: groups.list(),
  };
}
