/** What `fionread` counted. */
export interface Counts {
  readonly rounds: number;
  /** Rounds in which FIONREAD said how much there was. */
  readonly right: number;
  /** The least and the most that it said. */
  readonly least: number;
  readonly most: number;
  /** Rounds in which epoll told of the data. */
  readonly edges: number;
  /** Bytes of all rounds. */
  readonly received: number;
  readonly sent: number;
}

const names = ["rounds", "right", "least", "most", "edges", "received", "sent"] as const;

/** The line of JSON that `fionread` prints; undefined: there is none. */
export function parseCounts(text: string): Counts | undefined {
  const line = text.split("\n").find((line) => line.startsWith('{"rounds":'));
  if (line === undefined) return undefined;
  const [rounds, right, least, most, edges, received, sent] = names.map((name) =>
    Number(new RegExp(`"${name}":(-?\\d+)`).exec(line)?.[1] ?? "NaN"),
  );
  const counts = { rounds, right, least, most, edges, received, sent };
  return isCounts(counts) ? counts : undefined;
}

function isCounts(counts: Record<keyof Counts, number | undefined>): counts is Counts {
  return Object.values(counts).every((value) => Number.isInteger(value));
}
