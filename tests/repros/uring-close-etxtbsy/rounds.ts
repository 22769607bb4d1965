import { z } from "zod";

const schema = z.object({
  rounds: z.int().positive(),
  /** Rounds in which the program ran at once. */
  first: z.int(),
  /** In which it was busy for less than three seconds. */
  briefly: z.int(),
  /** In which it was busy for three seconds and longer. */
  lasting: z.int(),
  /** In which it did not start for another reason. */
  other: z.int(),
  /** How many processes had the file open, at the most, while it was busy. */
  holders: z.int(),
  /** Whether node had an io_uring at the end. */
  ring: z.boolean(),
  /** Milliseconds for which a program was tried, at the most. */
  longest: z.int(),
});

/** What the workload counted. */
export type Rounds = z.infer<typeof schema>;

/** The line of JSON that the workload prints; undefined: there is none, or not all of it. */
export function parseRounds(text: string): Rounds | undefined {
  const line = text.split("\n").find((line) => line.startsWith('{"rounds":'));
  try {
    const { data } = schema.safeParse(JSON.parse(line ?? ""));
    return data && data.first + data.briefly + data.lasting + data.other === data.rounds ? data : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether it is what was reported: busy though no process has the file open, and for as long as it was tried. A writer
 * that is slow to close would be another failure.
 */
export function isReported(seen: Rounds): boolean {
  return seen.lasting > 0 && seen.holders === 0 && seen.ring;
}

/** Whether every program ran at once. */
export function isHealthy(seen: Rounds): boolean {
  return seen.first === seen.rounds;
}
