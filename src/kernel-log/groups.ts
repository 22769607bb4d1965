import type { Finding } from "./finding.ts";
import { comparable, sameFingerprint } from "./signature.ts";

/** One time that a bug showed. */
export type Occurrence = Pick<Finding, "firstLine" | "lastLine" | "time" | "date" | "task" | "pid" | "cpu">;

/** A bug, and each time it showed in a log. */
export interface FindingGroup {
  /** The first one, whole. */
  readonly finding: Finding;
  readonly count: number;
  /** The first of them, in the order of their lines; `count` says how many there were. */
  readonly occurrences: readonly Occurrence[];
}

/** Bounds that keep a log that breaks all the time from filling memory. */
const limit = { groups: 1000, occurrences: 100 } as const;

interface Group {
  readonly finding: Finding;
  readonly print: string;
  count: number;
  readonly occurrences: Occurrence[];
}

/**
 * Counts findings that show the same bug together, in bounded memory.
 *
 * @example
 * const groups = new FindingGroups();
 * for (const finding of parser.push(chunk)) groups.add(finding);
 * groups.list() // [{ finding, count: 3, occurrences: [...] }]
 */
export class FindingGroups {
  readonly #groups = new Map<string, Group[]>();
  #kept = 0;
  #omitted = 0;

  /** Findings of bugs that came after there were too many of them to keep. */
  get omitted(): number {
    return this.#omitted;
  }

  add(finding: Finding): void {
    const print = comparable(finding);
    const key = print.split(" < ", 1)[0] ?? "";
    const alike = this.#groups.get(key) ?? [];
    const group = alike.find((group) => sameFingerprint(group.print, print));
    if (group) {
      group.count += 1;
      if (group.occurrences.length < limit.occurrences) group.occurrences.push(own(occurrence(finding)));
      return;
    }
    if (this.#kept >= limit.groups) {
      this.#omitted += 1;
      return;
    }
    this.#kept += 1;
    const kept = own(finding);
    alike.push({ finding: kept, print: own(print), count: 1, occurrences: [occurrence(kept)] });
    this.#groups.set(own(key), alike);
  }

  /** What was found, in the order of first lines. */
  list(): FindingGroup[] {
    return [...this.#groups.values()]
      .flat()
      .map(({ finding, count, occurrences }) => ({ finding, count, occurrences }))
      .sort((a, b) => a.finding.firstLine - b.finding.firstLine);
  }
}

/** Texts cut out of a log keep all of the piece they were cut from in memory; a copy does not. */
function own<T>(value: T): T {
  return structuredClone(value);
}

function occurrence(finding: Finding): Occurrence {
  const { firstLine, lastLine, time, date, task, pid, cpu } = finding;
  return {
    firstLine,
    lastLine,
    ...(time === undefined ? {} : { time }),
    ...(date === undefined ? {} : { date }),
    ...(task === undefined ? {} : { task }),
    ...(pid === undefined ? {} : { pid }),
    ...(cpu === undefined ? {} : { cpu }),
  };
}
