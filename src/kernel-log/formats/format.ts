import type { FindingKind } from "../kinds.ts";

/**
 * One thing the kernel says when something is wrong: how its first line reads and what is told of it.
 *
 * The pattern sees the line without its prefix. Its named groups go where their names say: `task`, `pid` and `cpu`
 * into the finding, `fn` is the function that the line itself blames, all others become `detail`.
 */
export interface Format {
  readonly kind: FindingKind;
  readonly pattern: RegExp;
  /**
   * The title; `{name}` is replaced with a detail, `{fn}` with the guilty function. A part in square brackets is left
   * out when one of its names has no value; of parts divided by `|`, the first whose names all have values is taken.
   */
  readonly title: string;
  /** When a report of one of these kinds is open and has no call chain yet, the line belongs to it. */
  readonly joins?: readonly FindingKind[];
  /** It joins such a report even when the call chain is there. */
  readonly late?: true;
  /** Nothing follows the line that belongs to it. */
  readonly alone?: true;
  /** Only a finding if a line that matches this follows. */
  readonly confirm?: RegExp;
  /** No finding after all if a line that matches this follows. */
  readonly retract?: RegExp;
  /** Lines of a list that is part of the report, however long it is. */
  readonly list?: RegExp;
  /** It joins a report only if both have the same value of this name. */
  readonly same?: string;
  /** Details that each finding of this format has. */
  readonly about?: Readonly<Record<string, string>>;
  /** A finding only when a device says it this often in a while. */
  readonly repeats?: number;
  /** Only where the line has a kernel prefix: other programs print the like. */
  readonly stamped?: true;
}
