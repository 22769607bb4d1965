import type { FindingKind } from "./kinds.ts";

/** A line of the source that a frame stands for. */
export interface SourcePlace {
  readonly function: string;
  /** Its path below the kernel's top folder. */
  readonly file: string;
  readonly line: number;
  /** The compiler put this function into the one after it. */
  readonly inlined: boolean;
  /** Where a browser or an editor finds it. */
  readonly link?: string;
}

/** One entry of a call chain, innermost first. */
export interface Frame {
  /** As printed: with compiler suffixes such as `.isra.0`. */
  readonly function: string;
  /** Bytes into the function, and the function's size. Missing for inlined frames. */
  readonly offset?: number;
  readonly size?: number;
  readonly module?: string;
  /** False for `? foo`: an address found on the stack that may be left from earlier calls. */
  readonly reliable: boolean;
  /** It is where the CPU was; all other frames are where a call returns to. */
  readonly instruction?: true;
  /** `path:line`, where the log was decoded before. */
  readonly file?: string;
  /** Where it is in the source, for frames that were decoded: innermost first, inlined functions before their caller. */
  readonly places?: readonly SourcePlace[];
}

/** One thing that the kernel said is wrong. */
export interface Finding {
  readonly kind: FindingKind;
  /** One line that names the guilty function, for example `INFO: task hung in io_uring_del_tctx_node`. */
  readonly title: string;
  /** The function that the title names. */
  readonly guilty?: string;
  /** Seconds since boot, by the line's stamp. */
  readonly time?: number;
  /** The wall clock stamp as printed (`dmesg -T`, syslog, journal), where there is one. */
  readonly date?: string;
  readonly task?: string;
  readonly pid?: number;
  readonly cpu?: number;
  /** The full call chain, innermost first; frames that wait or complete are kept. */
  readonly frames: readonly Frame[];
  /** The register lines as printed. */
  readonly registers?: string;
  /** The taint letters, for example `G W`; undefined: not tainted or not said. */
  readonly taint?: string;
  /** The kernel's release. */
  readonly kernel?: string;
  /** Lines of the log, counted from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
  /** What the format at hand tells more: `seconds` blocked, `state`, `address`, `panic` (its reason), `owner`, ... */
  readonly detail?: Readonly<Record<string, string>>;
  /** First line of the finding that this one is only a consequence of, such as a panic after an oops. */
  readonly follows?: number;
}
