import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { mostStretch } from "../base/deadline.ts";
import { keyOf } from "../base/store.ts";

const answerSchema = z.object({ milliseconds: z.number().positive() });

/** What the known piece of work took on the host that the table of time-outs was made on. Milliseconds. */
const reference = 4;

/**
 * How many times slower this host's processors are than those of the host that the table of time-outs was made on:
 * at least 1. `DSTATE_SLOWDOWN` says it; else a known piece of work is done, once for each processor and Node, and
 * the time that it ran is taken, whatever ran beside it.
 *
 * @example await slowdownOf(context) // 2.5
 */
export async function slowdownOf(context: Pick<Context, "settings">): Promise<number> {
  const { slowdown, cacheDir } = context.settings;
  if (slowdown !== undefined) return slowdown;
  const dir = join(cacheDir, "speed");
  const file = join(dir, `${keyOf({ processor: cpus()[0]?.model, node: process.version })}.json`);
  const known = answerSchema.safeParse(
    await readFile(file, "utf8")
      .then(JSON.parse)
      .catch(() => undefined),
  );
  const milliseconds = known.success ? known.data.milliseconds : knownWork();
  if (!known.success) {
    // Only remembered: where it cannot be, it is done again.
    await mkdir(dir, { recursive: true }).catch(() => {});
    await writeFile(file, `${JSON.stringify({ milliseconds })}\n`).catch(() => {});
  }
  return Math.min(Math.max(1, milliseconds / reference), mostStretch);
}

/** Milliseconds on a processor for a million steps of a shift register; the best of several, for others disturb. */
function knownWork(): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 8; run += 1) {
    const before = process.threadCpuUsage();
    shift(1_000_000);
    const { user, system } = process.threadCpuUsage(before);
    best = Math.min(best, Math.max(1, user + system) / 1000);
  }
  return best;
}

/** @see https://www.jstatsoft.org/article/view/v008i14 (xorshift) */
function shift(steps: number): number {
  let value = 0x9e3779b9 | 0;
  for (let step = 0; step < steps; step += 1) {
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
  }
  return value;
}
