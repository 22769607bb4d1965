import { createHash } from "node:crypto";
import { z } from "zod";
import { kernelPinSchema } from "../kernel/pins.ts";
import { hostSchema } from "../record/host.ts";
import { outcomeSchema, partsSchema, trialSchema } from "../record/run-record.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Below the pack, and nowhere else: no `..`, nothing absolute, no odd characters. */
const packedPath = z.string().regex(/^(?!.*(?:^|\/)\.\.?(?:\/|$))[\w@+.-]+(?:\/[\w@+. -]+)*$/);

/** What a pack says of itself: `manifest.json`, its first file. Every other file is in it, by size and hash. */
export const manifestSchema = z.object({
  schemaVersion: z.literal(1),
  /** The run that it was made from. */
  run: z.string(),
  kind: z.string(),
  about: z.object({ id: z.string(), title: z.string().optional(), upstream: z.array(z.string()).optional() }),
  startedAt: z.iso.datetime(),
  /** The file that defines the repro, below `repro/`. */
  definition: packedPath,
  /** The trial that is run again. */
  trial: trialSchema.omit({ machine: true }).extend({
    cell: trialSchema.shape.cell.unwrap(),
    machine: z.object({ qemu: z.string(), acceleration: z.string(), start: z.string() }).optional(),
  }),
  parts: partsSchema.optional(),
  /** What vouches for the kernel's source, where it is pinned. */
  pin: kernelPinSchema.optional(),
  /** All trials of the run, cell by cell. */
  rates: z.array(z.object({ title: z.string(), outcomes: z.partialRecord(outcomeSchema, z.int()) })),
  host: hostSchema,
  dstate: z.object({ version: z.string(), revision: z.string().optional(), node: z.string() }),
  files: z.record(packedPath, z.object({ sha256, bytes: z.int() })),
  /** What was too large. */
  omitted: z.array(z.object({ path: z.string(), bytes: z.int() })),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** A pack's name: the hash of its manifest, which holds the hashes of all its files. */
export function idOf(manifestText: string): string {
  return hashOf(manifestText);
}

/** sha256 in hex. */
export function hashOf(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
