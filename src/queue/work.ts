import { createHash } from "node:crypto";
import { z } from "zod";
import { imageKinds } from "../base/settings.ts";
import { keyOf } from "../base/store.ts";
import { hostSchema } from "../record/host.ts";

/** Which commands give trials to a queue. */
const ranByQueue = ["matrix", "map", "bisect"] as const;

const texts = z.record(z.string(), z.string());

export const cellSchema = z.object({
  kernel: z.string(),
  node: z.string().optional(),
  env: texts,
  image: z.enum(imageKinds),
  axes: texts,
});

/** What a job needs of the worker that takes it. */
export const needsSchema = z.object({
  /** `trial`, or `build`: only get what trials of this kernel need. */
  task: z.enum(["trial", "build"]),
  /** Of guests, such as `x86-64`. */
  architecture: z.string(),
  /** Trials under KVM and under emulation are not mixed. */
  accelerator: z.enum(["kvm", "tcg"]),
  /** Bytes that its machine takes of the host. */
  memory: z.number(),
  /** As `--kernel` takes it. */
  kernel: z.string(),
});
export type Needs = z.infer<typeof needsSchema>;

/** What a worker has. */
export const abilitiesSchema = z.object({
  architecture: z.string(),
  /** `unknown`: there is a `/dev/kvm`, and no kernel yet that could tell whether it works. */
  accelerator: z.enum(["kvm", "tcg", "unknown"]),
  memory: z.number(),
  /** Selectors of kernels that are on its disk. */
  kernels: z.array(z.string()),
  /** It can take what others have built from a registry. */
  shares: z.boolean(),
});
export type Abilities = z.infer<typeof abilitiesSchema>;

/** What a worker is handed. */
export const jobSchema = z.object({
  definition: z.string(),
  cell: cellSchema,
  ranBy: z.enum(ranByQueue),
  cold: z.boolean(),
});
export type JobData = z.infer<typeof jobSchema>;

/** What came of a job: a row of the shared ledger. */
export const resultSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("trial"),
    /** The ledger's name for the cell. */
    key: z.string(),
    outcome: z.enum(["reproduced", "clean", "inconclusive", "infra-error"]),
    summary: z.string(),
    columns: texts,
    versions: texts,
    /** On the worker's disk. */
    evidence: z.string(),
    startedAt: z.string(),
    took: z.number(),
    host: hostSchema,
    accelerator: z.enum(["kvm", "tcg"]),
    cell: cellSchema,
    ranBy: z.enum(ranByQueue),
  }),
  z.object({ type: z.literal("built") }),
  /** `build`: the kernel does not build, wherever it is tried. */
  z.object({
    type: z.literal("failed"),
    why: z.enum(["build", "usage"]),
    message: z.string(),
    cell: cellSchema,
  }),
]);
export type JobResult = z.infer<typeof resultSchema>;

/** The queue of jobs with the same needs. @example queueOf(needs) // "trial-3f2a..." */
export function queueOf(needs: Needs): string {
  return `${needs.task}-${keyOf(needs)}`;
}

/**
 * Whether a worker can do what a job needs. A kernel that is not there is no hindrance where it can be had from a
 * registry or is not built at all; the job that builds it may be taken by anybody.
 *
 * @param isBuilt whether kernels of this selector are built from source.
 */
export function canDo(needs: Needs, abilities: Abilities, isBuilt: boolean): boolean {
  const { architecture, accelerator, memory } = abilities;
  if (needs.architecture !== architecture) return false;
  // A kernel is the same, whatever it will run under.
  if (needs.task === "build") return true;
  if (needs.accelerator !== accelerator || needs.memory > memory) return false;
  return !isBuilt || abilities.shares || abilities.kernels.includes(needs.kernel);
}

/**
 * The name of a job, the same whenever it is asked for again: what was asked for by a command that was killed is not
 * asked for twice.
 *
 * @example jobId("trial", [definition, key, 3]) // a UUID
 */
export function jobId(task: Needs["task"], facts: unknown): string {
  const hex = createHash("sha256")
    .update(JSON.stringify([task, facts]))
    .digest("hex");
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join("-");
}
