import { randomBytes } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunRecord } from "./run-record.ts";

/** Write a run's `run.json` in one step: whoever reads it, at whatever moment, reads a whole document. */
export async function writeRunFile(dir: string, record: RunRecord): Promise<void> {
  const draft = join(dir, `run.json.${randomBytes(4).toString("hex")}`);
  await writeFile(draft, `${JSON.stringify(record, null, 1)}\n`);
  await rename(draft, join(dir, "run.json"));
}
