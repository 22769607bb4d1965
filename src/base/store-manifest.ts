import { open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** A file of an entry of a store; its path is below the entry's folder. */
export const fileRecordSchema = z.object({
  path: z.string(),
  size: z.int(),
  mtimeMs: z.number(),
  sha256: z.string(),
});
export type FileRecord = z.infer<typeof fileRecordSchema>;

/** The form of manifests that this dstate writes and reads. Those of it do not say their form. */
const form = 1;

/** @returns the form of a manifest that a newer dstate wrote; undefined: it is none of those. */
export function newerForm(manifest: unknown): number | undefined {
  const { data } = z.object({ form: z.int() }).safeParse(manifest);
  return data !== undefined && data.form > form ? data.form : undefined;
}

/** What an entry says of itself: its `manifest.json`. A form that reads differently has a higher `form` in it. */
export const manifestSchema = z.object({
  key: z.string(),
  createdAt: z.iso.datetime(),
  /** What the entry is, for people and for the caller's own schema. */
  about: z.unknown(),
  files: z.array(fileRecordSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** What comes before an entry's time in its manifest is its key: this much is more than enough. Bytes. */
const beginning = 4096;

/**
 * When an entry was made, as its manifest says in its first lines: all of one is read in 5 ms where it lists thousands
 * of files.
 *
 * @returns undefined when there is no such manifest.
 * @example if ((await createdAt(dir)) > entry.createdAt) // made anew since
 */
export async function createdAt(dir: string): Promise<string | undefined> {
  const file = await open(join(dir, "manifest.json")).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(beginning), 0, beginning, 0);
    return /^\s*"createdAt": "([\d:.TZ-]+)",$/m.exec(buffer.toString("utf8", 0, bytesRead))?.[1];
  } finally {
    await file.close();
  }
}

/** A finished entry that came from elsewhere: its files are in the folder, and are what they should be. */
export type PulledEntry = Manifest;

/** Another place that may have finished entries. What goes wrong with it is told, and is nobody's failure. */
export interface OtherPlace {
  /**
   * Fill an empty folder with an entry.
   *
   * @param names its key, and others under which one that is as good may be found.
   * @returns undefined when it is not there or not to be used: nothing is in the folder then.
   * @throws only the signal's reason.
   */
  pull(names: readonly string[], dir: string, signal: AbortSignal): Promise<PulledEntry | undefined>;
  /** Give it an entry, where that is wanted and it has none. @throws only the signal's reason. */
  push(names: readonly string[], dir: string, signal: AbortSignal): Promise<void>;
}
