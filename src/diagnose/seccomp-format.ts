import { z } from "zod";
import { guestPlatform } from "../platform/platforms.ts";

const action = z.enum([
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
]);
const errnoNumber = z.int().min(0).max(4095);
const argument = z.strictObject({
  index: z.int().min(0).max(5),
  value: z.int().min(0),
  valueTwo: z.int().min(0).optional(),
  op: z.enum([
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
  ]),
});
const architecture = z.string().startsWith("SCMP_ARCH_");
const names = z.array(z.string().min(1)).min(1);

const rule = z.strictObject({
  names,
  action,
  errnoRet: errnoNumber.optional(),
  args: z.array(argument).optional(),
});

const profile = {
  defaultAction: action,
  defaultErrnoRet: errnoNumber.optional(),
  flags: z.array(z.string().startsWith("SECCOMP_FILTER_FLAG_")).optional(),
};

/** @see https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp */
export const ociProfile = z.strictObject({
  ...profile,
  architectures: z.array(architecture).optional(),
  syscalls: z.array(rule).optional(),
});

/** A seccomp profile as the OCI runtime specification has it. */
export type SeccompProfile = z.infer<typeof ociProfile>;

const condition = z
  .strictObject({
    caps: z.array(z.string()).nullish(),
    arches: z.array(z.string()).nullish(),
    minKernel: z.string().nullish(),
  })
  .nullish();

const engineRule = z.strictObject({
  names,
  action,
  errnoRet: errnoNumber.nullish(),
  // The same in words.
  errno: z.string().nullish(),
  args: z.array(argument).nullish(),
  comment: z.string().nullish(),
  includes: condition,
  excludes: condition,
});

const engineProfile = z.strictObject({
  ...profile,
  defaultErrno: z.string().nullish(),
  architectures: z.array(architecture).nullish(),
  archMap: z
    .array(z.strictObject({ architecture, subArchitectures: z.array(architecture).nullish() }))
    .nullish(),
  syscalls: z.array(engineRule).nullish(),
});

/**
 * Whether a value is rather a profile as container engines take it, with conditions, than one of the OCI.
 *
 * @see https://docs.docker.com/engine/security/seccomp/
 */
export function looksLikeEngine(value: unknown): boolean {
  const has = (item: unknown, ...keys: string[]): boolean =>
    typeof item === "object" && item !== null && keys.some((key) => key in item);
  if (has(value, "archMap", "defaultErrno")) return true;
  const rules = has(value, "syscalls") ? (value as { syscalls: unknown }).syscalls : undefined;
  return Array.isArray(rules) && rules.some((item) => has(item, "includes", "excludes", "comment", "errno"));
}

/**
 * What an engine makes of its own profile for a container of the guests' architecture without capabilities. Kernels are taken to be
 * at least as new as the conditions ask for, which name versions before 5.10.
 */
export function fromEngine(value: unknown): z.ZodSafeParseResult<SeccompProfile> {
  return engineProfile
    .transform(({ defaultErrno: _, architectures, archMap, syscalls, ...rest }): SeccompProfile => {
      const own = archMap?.find((entry) => entry.architecture === guestPlatform.seccomp.architecture);
      const all = own ? [own.architecture, ...(own.subArchitectures ?? [])] : architectures;
      return {
        ...rest,
        ...(all ? { architectures: all } : {}),
        syscalls: (syscalls ?? []).filter(applies).map(({ names, action, errnoRet, args }) => ({
          names,
          action,
          ...(typeof errnoRet === "number" ? { errnoRet } : {}),
          ...(args?.length ? { args } : {}),
        })),
      };
    })
    .safeParse(value);
}

function applies({ includes, excludes }: z.infer<typeof engineRule>): boolean {
  if (includes?.caps?.length) return false;
  const { engineName } = guestPlatform.seccomp;
  if (includes?.arches?.length && !includes.arches.includes(engineName)) return false;
  return !excludes?.arches?.includes(engineName) && !excludes?.minKernel;
}
