import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { ownHome } from "../base/home.ts";
import { timeouts } from "../base/timeouts.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { fromEngine, looksLikeEngine, ociProfile, type SeccompProfile } from "./seccomp-format.ts";

export type { SeccompProfile } from "./seccomp-format.ts";

/** What a system call is answered with instead of being made. Numbers of errno(3). */
export const errno = { EPERM: 1, ENOSYS: 38 } as const;

/** The profiles that have a name; `unconfined` is no profile at all. */
export const seccompNames = [
  "unconfined",
  "default",
  "clone3-eperm",
  "clone3-enosys",
  "membarrier-eperm",
] as const;

const changes: Readonly<Record<string, { readonly syscall: string; readonly errnoRet: number } | undefined>> =
  {
    "clone3-eperm": { syscall: "clone3", errnoRet: errno.EPERM },
    "clone3-enosys": { syscall: "clone3", errnoRet: errno.ENOSYS },
    "membarrier-eperm": { syscall: "membarrier", errnoRet: errno.EPERM },
  };

/**
 * A profile by its name, or by the path of a file in the OCI format or that of the container engines.
 *
 * @returns undefined for `unconfined`.
 * @throws {UsageError} when there is no such profile, or the file cannot be read or is no profile.
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
  const profile = await readProfile(join(ownHome(), "vm/seccomp/default.json"));
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
 * Read a profile's text: in the OCI format, or in that of the container engines, whose conditions are decided for
 * containers as they are here (the guests' architecture, no capabilities).
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
  const engine = looksLikeEngine(value);
  const parsed = engine ? fromEngine(value) : ociProfile.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = issue?.path.join(".") || "its top level";
  const format = engine ? "a container engine's format" : "the OCI format";
  throw new UsageError(`the seccomp profile ${from} is not in ${format}, at ${place}: ${issue?.message}`, {
    next:
      "Give what an engine takes with `--security-opt seccomp=FILE`, or the `linux.seccomp` object of an OCI " +
      "bundle's config.json.",
  });
}

/**
 * Look at the seccomp profile of a cell before anything boots. What a runtime passes over in silence, a name that is
 * no system call, is told as a note: it may be newer than this host, or mistyped.
 *
 * @throws {UsageError} as {@link provideSeccomp} does.
 * @example
 * const check: ReproDefinition<Observation>["check"] = async ({ axes }, context) =>
 *   await checkSeccomp(axes.seccomp, context);
 */
export async function checkSeccomp(name: string | undefined, context: Context): Promise<void> {
  const profile = await provideSeccomp(name ?? "unconfined");
  const known = await systemCalls(context.signal);
  if (!profile || !known) return;
  const names = new Set((profile.syscalls ?? []).flatMap((rule) => rule.names));
  const odd = [...names].filter((call) => !known.has(call));
  if (odd.length === 0) return;
  context.progress({
    type: "note",
    text: `the seccomp profile ${name} names what is no system call to this host: ${odd.slice(0, 8).join(", ")}${odd.length > 8 ? `, and ${odd.length - 8} more` : ""}. crun passes over such names.`,
  });
}

/**
 * The calls of the guests' architecture and its smaller kin, as this host's compiler and our profile have them; undefined: there are
 * no headers. Where they are only the compiler knows: NixOS has no `/usr/include`.
 */
async function systemCalls(signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  const names = new Set<string>();
  for (const header of guestPlatform.seccomp.headers) {
    const argv = ["gcc", "-E", "-dM", "-include", header, "-x", "c", "/dev/null"];
    const seen = await command(argv, { within: timeouts.host.ask, signal }).catch(() => undefined);
    signal.throwIfAborted();
    for (const [, call] of seen?.stdout.matchAll(/^#define __NR_(\w+)/gm) ?? [])
      if (call !== undefined) names.add(call);
  }
  if (names.size === 0) return undefined;
  // Our own profile knows calls that are newer than some hosts.
  const own = await provideSeccomp("default");
  return new Set([...names, ...(own?.syscalls ?? []).flatMap((rule) => rule.names)]);
}

/**
 * The profile with one system call answered by an error, whatever it said about it before.
 *
 * @example answerWith({ defaultAction: "SCMP_ACT_ALLOW" }, "clone3", errno.ENOSYS)
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
