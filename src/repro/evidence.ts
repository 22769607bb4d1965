import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inertJson, sanitize } from "../base/text.ts";

/** The folder of one trial below `logs/`. */
export interface EvidenceFolder {
  readonly dir: string;
  /** Save a text; what came from a guest is made fit to be shown. */
  saveText(name: string, text: string): Promise<void>;
  /** Save plain data. */
  saveJson(name: string, value: unknown): Promise<void>;
}

/**
 * Make a trial's folder.
 *
 * @example await openEvidence(join(settings.logsDir, "2026-11-21T07-00-00-io-uring-dstate"))
 */
export async function openEvidence(dir: string): Promise<EvidenceFolder> {
  await mkdir(dir, { recursive: true });
  return {
    dir,
    saveText: async (name, text) => await writeFile(join(dir, name), sanitize(text)),
    saveJson: async (name, value) => await writeFile(join(dir, name), `${toJson(value)}\n`),
  };
}

/**
 * JSON of an observation: functions are left out, big integers become text. Whoever looks at it in a terminal is told
 * of a guest's control characters, and does not obey them.
 */
export function toJson(value: unknown): string {
  const json = JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === "bigint" ? item.toString() : item),
    2,
  );
  return inertJson(json);
}
