import { z } from "zod";
import { ownerSchema } from "../base/owner.ts";
import { hostSchema, loadSchema } from "./host.ts";

/**
 * What a trial may come to. `usage-error` is a mistake in the repro's own code; `passed` and `failed` are what tests
 * and commands come to, which have no signature.
 */
export const outcomeSchema = z.enum([
  "reproduced",
  "clean",
  "inconclusive",
  "infra-error",
  "usage-error",
  "passed",
  "failed",
]);
export type RecordedOutcome = z.infer<typeof outcomeSchema>;

const cellSchema = z.object({
  kernel: z.string(),
  node: z.string().optional(),
  env: z.record(z.string(), z.string()),
  image: z.string(),
  axes: z.record(z.string(), z.string()),
});

const machineSchema = z.object({
  /** The exact command: the program and its arguments. */
  command: z.array(z.string()),
  /** QEMU's version, such as `7.2.22`. */
  qemu: z.string(),
  /** The accelerator, and why this one. */
  acceleration: z.string(),
  /** `warm`: it went on from a frozen machine; `cold`: it booted; `revived`: it was kept. */
  start: z.enum(["warm", "cold", "revived"]),
});
export type MachineRecord = z.infer<typeof machineSchema>;

export const partsSchema = z.object({
  kernel: z.object({
    selector: z.string(),
    version: z.string(),
    id: z.string(),
    provenance: z.string(),
    /** Of the file that was booted, and of its configuration. */
    sha256: z.string(),
    configSha256: z.string().optional(),
  }),
  image: z.object({
    kind: z.string(),
    id: z.string(),
    provenance: z.string(),
    /** How many packages, and a hash over their names and versions. */
    packages: z.int(),
    packagesSha256: z.string(),
  }),
  node: z
    .object({
      version: z.string(),
      libuv: z.string(),
      npm: z.string().optional(),
      id: z.string(),
      /** Of `bin/node`. */
      sha256: z.string(),
    })
    .optional(),
});
export type PartsRecord = z.infer<typeof partsSchema>;

export const trialSchema = z.object({
  number: z.int(),
  /** The folder of its evidence, below the run's own; `.` is that folder itself. */
  folder: z.string(),
  /** What it is, as people read it. */
  title: z.string(),
  cell: cellSchema.optional(),
  /** What its outcome should be, where the run said so before. */
  expected: outcomeSchema.optional(),
  /** The candidate of a bisection that it tried. */
  candidate: z.string().optional(),
  state: z.enum(["running", "ended"]),
  startedAt: z.iso.datetime(),
  /** Milliseconds; missing while it runs. */
  took: z.number().optional(),
  outcome: outcomeSchema.optional(),
  summary: z.string().optional(),
  /** The command that runs this one again. */
  rerun: z.string().optional(),
  /** Names its parts among the run's. */
  parts: z.string().optional(),
  machine: machineSchema.optional(),
  load: loadSchema.optional(),
  /** Where it was run, for a trial that came from another run or another host: names one of the run's `workers`. */
  worker: z.string().optional(),
  /** The run that it was first recorded in, and its number there: the same trial is never counted twice. */
  origin: z.object({ run: z.string(), number: z.int() }).optional(),
});
export type TrialRecord = z.infer<typeof trialSchema>;

const shardSchema = z.object({
  /** Counted from 1. */
  number: z.int(),
  of: z.int(),
  /** Names the campaign: shards of the same one belong together. */
  campaign: z.string(),
  /** Names the repro as it was, for the ledger. */
  definition: z.string(),
  /** Cells of all shards together. */
  cells: z.int(),
});
export type ShardRecord = z.infer<typeof shardSchema>;

/** Who ran trials of a run elsewhere. */
const workerSchema = z.object({
  host: hostSchema,
  /** The version of dstate there. */
  dstate: z.string(),
  /** How the run that came from there ended, where it was a run of its own. */
  state: z.enum(["running", "finished", "interrupted", "failed", "killed"]).optional(),
  shard: z.object({ number: z.int(), of: z.int() }).optional(),
});
export type WorkerRecord = z.infer<typeof workerSchema>;

/**
 * A run, as `run.json` has it. It is written whole at every change, so it can be read at every moment; `state` is
 * `running` also in the file of a run that was killed: then `owner` does not live any more.
 */
export const runSchema = z.object({
  /** Counts up when a field goes or changes its meaning; fields may be added at any time. */
  schemaVersion: z.literal(1),
  /** The name of its folder. */
  id: z.string(),
  /** The command of dstate that made it, or `test` for a test of vitest. */
  kind: z.string(),
  /** What it is about: a repro's id, or a test's name. */
  about: z.string(),
  title: z.string().optional(),
  upstream: z.array(z.string()).optional(),
  state: z.enum(["running", "finished", "interrupted", "failed"]),
  /** Why it failed, as a sentence. */
  problem: z.string().optional(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  /** The process that writes it. */
  owner: ownerSchema,
  /** The command as it was typed, and the one that runs it again from anywhere. */
  command: z.array(z.string()),
  rerun: z.string(),
  dstate: z.object({
    version: z.string(),
    /** The commit of its checkout, with `, changed` after it where files differ. */
    revision: z.string().optional(),
    node: z.string(),
  }),
  host: hostSchema,
  load: loadSchema.optional(),
  /** The files that define the repro, with their sha256; copies are in the folder `repro`. */
  repro: z.object({ file: z.string(), files: z.record(z.string(), z.string()) }).optional(),
  /** Parts that machines were made from, each once. */
  parts: z.record(z.string(), partsSchema),
  trials: z.array(trialSchema),
  /** Which part of a campaign it is, where that is run in parts. */
  shard: shardSchema.optional(),
  /** Other hosts, or other runs, that its trials came from. */
  workers: z.record(z.string(), workerSchema).optional(),
  /** For a run that was joined from shards: which of them are not there. */
  missingShards: z.array(z.int()).optional(),
  /** Trials of earlier runs that count too, and what all of them come to. */
  matrix: z
    .object({
      trials: z.int(),
      confidence: z.number(),
      cells: z.array(
        z.object({
          cell: cellSchema,
          verdict: z.string(),
          open: z.boolean(),
          reproduced: z.int(),
          clean: z.int(),
          inconclusive: z.int(),
          infraErrors: z.int(),
          earlier: z.int(),
          low: z.number(),
          high: z.number(),
          problem: z.string().optional(),
        }),
      ),
    })
    .optional(),
  bisect: z
    .object({
      id: z.string(),
      range: z.string(),
      confidence: z.number(),
      /** What it comes to, in a sentence. */
      conclusion: z.string(),
      found: z.boolean(),
      candidates: z.array(
        z.object({
          name: z.string(),
          detail: z.string(),
          probability: z.number(),
          reproduced: z.int(),
          clean: z.int(),
          skipped: z.boolean(),
        }),
      ),
      /** For each trial that counted: the candidate, what it showed, and the probabilities then, in thousandths. */
      history: z.array(
        z.object({
          candidate: z.int(),
          outcome: z.enum(["reproduced", "clean"]),
          probabilities: z.array(z.int()),
        }),
      ),
    })
    .optional(),
});
export type RunRecord = z.infer<typeof runSchema>;
export type MatrixRecord = NonNullable<RunRecord["matrix"]>;
export type BisectRecord = NonNullable<RunRecord["bisect"]>;
