import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "./context.ts";
import { type Duration, toMilliseconds } from "./duration.ts";
import { type Expectation, type Step, step } from "./progress.ts";

/** So many of the last times count: a host may be busy once, and get faster. */
const kept = 5;

const timesSchema = z.array(z.number().nonnegative());

export interface LongStepOptions {
  readonly title: string;
  /** What takes about as long each time, such as `image-debian`: kebab-case, it names a file. */
  readonly kind: string;
  /** How long it takes where nothing was measured yet; undefined: nobody can say. */
  readonly guess: Duration | undefined;
}

/**
 * A step that takes long: what it will take is told before it starts, from what it took the last times on this host.
 *
 * @example await longStep(context, { title: "make the image", kind: "image-debian", guess: "2m" }, async (step) => {});
 */
export async function longStep<Result>(
  context: Pick<Context, "settings" | "progress">,
  options: LongStepOptions,
  work: (step: Step) => Promise<Result>,
): Promise<Result> {
  const { title, kind, guess } = options;
  const file = join(context.settings.cacheDir, "durations", `${kind}.json`);
  const times = await readTimes(file);
  const start = performance.now();
  const result = await step(context.progress, title, work, { expected: expectationFrom(times, guess) });
  await keepTime(file, performance.now() - start);
  return result;
}

/** Milliseconds that steps of a kind took here the last times; empty: none was run. */
export async function pastTimes(
  kind: string,
  { cacheDir }: { readonly cacheDir: string },
): Promise<number[]> {
  return await readTimes(join(cacheDir, "durations", `${kind}.json`));
}

/**
 * What a step will take, by what it took: the median of the last times.
 *
 * @param times milliseconds, the last one last.
 * @example expectationFrom([4000, 60_000, 5000], "1m") // { milliseconds: 5000, measured: 3 }
 */
export function expectationFrom(
  times: readonly number[],
  guess: Duration | undefined,
): Expectation | undefined {
  const sorted = times.slice(-kept).sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  if (median !== undefined) return { milliseconds: median, measured: sorted.length };
  return guess === undefined ? undefined : { milliseconds: toMilliseconds(guess), measured: 0 };
}

async function readTimes(file: string): Promise<number[]> {
  const text = await readFile(file, "utf8").catch(() => "[]");
  try {
    return timesSchema.parse(JSON.parse(text));
  } catch {
    return [];
  }
}

/** Somebody else may keep one meanwhile; then one of the two is lost, and nothing else. */
async function keepTime(file: string, milliseconds: number): Promise<void> {
  const times = [...(await readTimes(file)), Math.round(milliseconds)].slice(-kept);
  const draft = `${file}.${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(draft, `${JSON.stringify(times)}\n`);
    await rename(draft, file);
  } catch {
    // What was made is worth more than how long it took.
  }
}
