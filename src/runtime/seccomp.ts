import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { messageOf, UsageError } from "../base/errors.ts";

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

const rule = z.strictObject({
  names: z.array(z.string().min(1)).min(1),
  action,
  errnoRet: z.int().min(0).max(4095).optional(),
  args: z
    .array(
      z.strictObject({
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
      }),
    )
    .optional(),
});

const profileSchema = z.strictObject({
  defaultAction: action,
  defaultErrnoRet: z.int().min(0).max(4095).optional(),
  architectures: z.array(z.string().startsWith("SCMP_ARCH_")).optional(),
  flags: z.array(z.string().startsWith("SECCOMP_FILTER_FLAG_")).optional(),
  syscalls: z.array(rule).optional(),
});

/**
 * A seccomp profile as the OCI runtime specification has it.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp
 */
export type SeccompProfile = z.infer<typeof profileSchema>;

/** What a system call is answered with instead of being made. Numbers of errno(3) on x86-64. */
export const errno = { EPERM: 1, ENOSYS: 38 } as const;

/** The profiles that have a name; `unconfined` is no profile at all. */
export const seccompNames = [
  "unconfined",
  "default",
  "clone3-eperm",
  "clone3-enosys",
  "membarrier-eperm",
] as const;

const defaultProfile = new URL("../../vm/seccomp/default.json", import.meta.url);

const changes: Readonly<Record<string, { readonly syscall: string; readonly errnoRet: number } | undefined>> =
  {
    "clone3-eperm": { syscall: "clone3", errnoRet: errno.EPERM },
    "clone3-enosys": { syscall: "clone3", errnoRet: errno.ENOSYS },
    "membarrier-eperm": { syscall: "membarrier", errnoRet: errno.EPERM },
  };

/**
 * A profile by its name or by the path of a file in the OCI format.
 *
 * @returns undefined for `unconfined`.
 * @throws {UsageError} when there is no such profile, or the file cannot be read or is no OCI profile.
 * @example await provideSeccomp("clone3-eperm")
 */
export async function provideSeccomp(name: string): Promise<SeccompProfile | undefined> {
  if (name === "unconfined") return undefined;
  if (name.includes("/")) return await readProfile(resolve(name));
  const change = changes[name];
  if (name !== "default" && !change) {
    throw new UsageError(`there is no seccomp profile "${name}"`, {
      next: `There are: ${seccompNames.join(", ")}. A path such as ./profile.json names a file of your own.`,
    });
  }
  const profile = await readProfile(fileURLToPath(defaultProfile));
  return change ? answerWith(profile, change.syscall, change.errnoRet) : profile;
}

async function readProfile(path: string): Promise<SeccompProfile> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new UsageError(`the seccomp profile ${path} cannot be read: ${messageOf(error)}`, {
      next: "Check the path.",
      cause: error,
    });
  });
  return parseSeccomp(text, path);
}

/**
 * Read a profile's text.
 *
 * @param from where the text is from, for the error.
 * @throws {UsageError} that names the first thing that is wrong.
 */
export function parseSeccomp(text: string, from: string): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the seccomp profile ${from} is no JSON: ${messageOf(error)}`, { cause: error });
  }
  const parsed = profileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = issue?.path.join(".") || "its top level";
  const template =
    typeof value === "object" && value !== null && ("archMap" in value || text.includes('"includes"'));
  throw new UsageError(
    `the seccomp profile ${from} is not in the OCI format, at ${place}: ${issue?.message}`,
    {
      next: template
        ? "This looks like a container engine's own template. Give the `linux.seccomp` object of a bundle's config.json."
        : "The format is that of `linux.seccomp` in a bundle's config.json.",
    },
  );
}

/**
 * The profile with one system call answered by an error, whatever it said about it before.
 *
 * @example answerWith(profile, "clone3", errno.ENOSYS)
 */
export function answerWith(profile: SeccompProfile, syscall: string, errnoRet: number): SeccompProfile {
  const rest = (profile.syscalls ?? [])
    .map((rule) => ({ ...rule, names: rule.names.filter((name) => name !== syscall) }))
    .filter((rule) => rule.names.length > 0);
  return { ...profile, syscalls: [...rest, { names: [syscall], action: "SCMP_ACT_ERRNO", errnoRet }] };
}

/**
 * The profile with every denial told to the kernel log as an audit line: it changes nothing for the program.
 *
 * @see https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
 */
export function loggingDenials(profile: SeccompProfile): SeccompProfile {
  return { ...profile, flags: [...new Set([...(profile.flags ?? []), "SECCOMP_FILTER_FLAG_LOG"])] };
}
