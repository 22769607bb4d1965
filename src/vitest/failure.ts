import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { oneLine } from "../base/text.ts";

const findingsSchema = z.array(z.object({ title: z.string() }));
const blockedSchema = z.object({
  tasks: z.array(
    z.object({
      task: z.string(),
      pid: z.number(),
      frames: z.array(z.object({ function: z.string() })),
    }),
  ),
});

/** Functions that every sleeper is in, which tell nothing. */
const sleeping = /^(?:__)?schedule|^io_schedule/;

/**
 * What a failed test's machine tells, in a few lines: the kernel's findings, the threads that hang, and where the rest
 * is.
 *
 * @param dir the folder of its evidence.
 */
export async function describeFailure(dir: string): Promise<string[]> {
  const findings = await read(join(dir, "findings.json"), findingsSchema);
  const blocked = await read(join(dir, "blocked.json"), blockedSchema);
  const titles = [...new Set((findings ?? []).map(({ title }) => oneLine(title, { maxLength: 200 })))];
  const threads = (blocked?.tasks ?? []).map(({ task, pid, frames }) => {
    const chain = frames.map((frame) => frame.function).filter((name) => !sleeping.test(name));
    return `in D: ${oneLine(task, { maxLength: 64 })}:${pid} ${chain.slice(0, 4).join(" < ")}`;
  });
  return [
    ...titles.slice(0, 5).map((title) => `the kernel says: ${title}`),
    ...[...new Set(threads)].slice(0, 8),
    `evidence: ${dir}`,
    `its page: dstate show ${dir}`,
  ];
}

async function read<Value>(path: string, schema: z.ZodType<Value>): Promise<Value | undefined> {
  try {
    return schema.safeParse(JSON.parse(await readFile(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}
