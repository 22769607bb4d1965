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
  /** What a whole kernel build takes here, as far as is known. */
  buildSeconds: z.number(),
  /** Jobs that it could begin now. */
  free: z.int(),
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

const leftSchema = z.array(z.object({ path: z.string(), bytes: z.number() }));

/** Where the evidence of a trial is: who asked for it fetches it there. */
const homeSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("database"), left: leftSchema }),
  /** As `oci://HOST/NAME@sha256:...`. */
  z.object({ type: z.literal("registry"), reference: z.string(), left: leftSchema }),
  /** Only on the worker's disk. */
  z.object({ type: z.literal("worker") }),
]);
export type EvidenceHome = z.infer<typeof homeSchema>;

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
    home: homeSchema.optional(),
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
export type TrialOf = Extract<JobResult, { type: "trial" }>;

/** The queue of jobs with the same needs. @example queueOf(needs) // "trial-3f2a..." */
export function queueOf(needs: Needs): string {
  return `${needs.task}-${keyOf(needs)}`;
}

/**
 * Whether a worker can do what a job needs. A kernel that is not there is no hindrance where it can be had from a
 * registry or is not built at all, or where whoever built it is gone; the job that builds it may be taken by anybody.
 *
 * @param isBuilt whether kernels of this selector are built from source.
 * @param others what the other workers have that were heard of just now.
 */
export function canDo(
  needs: Needs,
  abilities: Abilities,
  isBuilt: boolean,
  others: readonly Pick<Abilities, "kernels">[],
): boolean {
  const { architecture, accelerator, memory } = abilities;
  if (needs.architecture !== architecture) return false;
  // A kernel is the same, whatever it will run under.
  if (needs.task === "build") return true;
  if (needs.accelerator !== accelerator || needs.memory > memory) return false;
  if (!isBuilt || abilities.shares || abilities.kernels.includes(needs.kernel)) return true;
  return !others.some(({ kernels }) => kernels.includes(needs.kernel));
}

/** Seconds. What was asked for so long ago is built by whoever looks: those who would be cheaper do not. */
const patience = 30;

/**
 * Whether a worker should leave a build to another one that is free: one that has the kernel already has nothing to
 * do, and one that is half as fast again or faster is waited for.
 *
 * @param age seconds since the build was asked for.
 */
export function isCheaperElsewhere(
  needs: Needs,
  own: Abilities,
  others: readonly Abilities[],
  age: number,
): boolean {
  if (needs.task !== "build" || age > patience) return false;
  const cost = ({ kernels, buildSeconds }: Abilities): number =>
    kernels.includes(needs.kernel) ? 0 : buildSeconds;
  return others.some(
    (other) =>
      other.architecture === needs.architecture &&
      other.free > 0 &&
      cost(other) * 1.5 <= cost(own) &&
      cost(other) < cost(own),
  );
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
