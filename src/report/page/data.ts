import type { WaitGraph } from "../../kernel-log/wait-graph.ts";
import type { RunRecord } from "../../record/run-record.ts";
import type { TimelineEvent } from "../../record/timeline.ts";
import type { FindingRecord } from "../findings.ts";

/** What a page knows of its run at once: everything but what belongs to one trial alone. */
export interface PageData {
  readonly run: Omit<RunRecord, "trials"> & { readonly trials: readonly PageTrial[] };
  /** `killed`: nobody writes its folder any more, and nobody ended it. */
  readonly state: RunRecord["state"] | "killed";
  /** Kernel configurations by the key of the parts that have them: names of blocks. */
  readonly configs: Readonly<Record<string, string>>;
}

/** A trial in the list; the command of its machine is among its details. */
export interface PageTrial extends Omit<RunRecord["trials"][number], "machine"> {
  readonly machine?: Omit<NonNullable<RunRecord["trials"][number]["machine"]>, "command"> | undefined;
  /** What the first findings of its kernel log say. */
  readonly findings: readonly string[];
}

/** A file of a trial's folder, whose text is in the page. */
export interface PageLog {
  readonly file: string;
  /** Of the file on disk. */
  readonly bytes: number;
  /** What is left out in the middle of it, in bytes. */
  readonly omitted: number;
  /** Name of the block with its text. */
  readonly block: string;
}

/** A finding, with where it is in which log. */
export interface PageFinding extends FindingRecord {
  readonly file: string;
  readonly count: number;
  /** Where and when it shows again: first line, and seconds since boot. */
  readonly occurrences: readonly { readonly firstLine: number; readonly time?: number | undefined }[];
}

/** What a page knows of one trial. */
export interface TrialDetail {
  readonly number: number;
  readonly timeline: readonly TimelineEvent[];
  readonly findings: readonly PageFinding[];
  readonly waits: WaitGraph;
  readonly columns: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  /** QEMU's command. */
  readonly command: readonly string[];
  readonly logs: readonly PageLog[];
  /** Other files of its folder, with their sizes. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}
