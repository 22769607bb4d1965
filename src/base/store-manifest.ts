import { z } from "zod";

/** A file of an entry of a store; its path is below the entry's folder. */
export const fileRecordSchema = z.object({
  path: z.string(),
  size: z.int(),
  mtimeMs: z.number(),
  sha256: z.string(),
});
export type FileRecord = z.infer<typeof fileRecordSchema>;

/** What an entry says of itself: its `manifest.json`. */
export const manifestSchema = z.object({
  key: z.string(),
  createdAt: z.iso.datetime(),
  /** What the entry is, for people and for the caller's own schema. */
  about: z.unknown(),
  files: z.array(fileRecordSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;

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
