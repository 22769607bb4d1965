import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { messageOf } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";

/** What decides whether an ordinary user may have namespaces with several users in them. */
export interface NamespaceFacts {
  readonly user: string;
  readonly uid: number;
  /** What mmdebstrap's own attempt came to: undefined is success, else its words. */
  readonly failure: string | undefined;
  /** Whether the program newuidmap is there. */
  readonly newuidmap: boolean;
  readonly subuid: string;
  readonly subgid: string;
  /** By their names below /proc/sys; undefined: this kernel has no such switch. */
  readonly switches: Readonly<Record<keyof typeof switches, string | undefined>>;
}

const switches = {
  most: "user/max_user_namespaces",
  /** A switch of Debian's and Ubuntu's kernels. */
  clone: "kernel/unprivileged_userns_clone",
  /** Since Ubuntu 23.10; on by default since 24.04. */
  appArmor: "kernel/apparmor_restrict_unprivileged_userns",
} as const;

export interface NamespaceAnswer {
  readonly works: boolean;
  readonly because: string;
  /** What to do, where it does not work. */
  readonly next?: string | undefined;
}

/**
 * Whether this user can make Debian images: as root, or in user namespaces. mmdebstrap is asked to enter one, so that
 * what decides is what it needs: newuidmap, a line in /etc/subuid, the kernel's leave and AppArmor's.
 *
 * @see mmdebstrap(1), newuidmap(1), https://man7.org/linux/man-pages/man7/user_namespaces.7.html
 */
export async function probeNamespaces(context: Context): Promise<NamespaceAnswer> {
  const { uid, username } = userInfo();
  if (uid === 0) return { works: true, because: "root needs none" };
  const { signal } = context;
  const failure = await command(["mmdebstrap", "--unshare-helper", "true"], {
    within: timeouts.host.ask,
    signal,
  }).then(
    () => undefined,
    (error: unknown) => messageOf(error),
  );
  signal.throwIfAborted();
  const newuidmap = await command(["newuidmap"], { within: timeouts.host.ask, signal }).then(
    () => true,
    (error: unknown) => !(error instanceof Error && error.name === "MissingProgramError"),
  );
  const read = async (path: string): Promise<string | undefined> =>
    await readFile(path, "utf8").then(
      (text) => text.trim(),
      () => undefined,
    );
  const [most, clone, appArmor] = await Promise.all(
    [switches.most, switches.clone, switches.appArmor].map(async (name) => await read(`/proc/sys/${name}`)),
  );
  return explainNamespaces({
    user: username,
    uid,
    failure,
    newuidmap,
    subuid: (await read("/etc/subuid")) ?? "",
    subgid: (await read("/etc/subgid")) ?? "",
    switches: { most, clone, appArmor },
  });
}

/** How many ids a system has: an image's files belong to some of them. */
const idsOfSystem = 65_536;

/** Say why namespaces work or do not, and what helps. */
export function explainNamespaces(facts: NamespaceFacts): NamespaceAnswer {
  if (facts.failure === undefined) return { works: true, because: "mmdebstrap entered one" };
  const { user } = facts;
  if (!facts.newuidmap) {
    return {
      works: false,
      because: "newuidmap is not installed",
      next: "Install the Debian package uidmap: `dstate setup`.",
    };
  }
  for (const [file, text] of [
    ["/etc/subuid", facts.subuid],
    ["/etc/subgid", facts.subgid],
  ] as const) {
    if (text.split("\n").some((line) => isEnough(line, facts))) continue;
    return {
      works: false,
      because: `${file} gives ${user} no ${idsOfSystem} ids`,
      next: `As root, run: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user} (choose ids that nobody else has).`,
    };
  }
  const { most, clone, appArmor } = facts.switches;
  if (most === "0") return refused(`${switches.most} is 0`, "sysctl -w user.max_user_namespaces=10000");
  if (clone === "0") return refused(`${switches.clone} is 0`, "sysctl -w kernel.unprivileged_userns_clone=1");
  if (appArmor === "1") {
    return {
      works: false,
      because:
        "AppArmor restricts user namespaces on this host, and mmdebstrap has no profile that allows them",
      next:
        "Update the package apparmor, which has /etc/apparmor.d/mmdebstrap; or, as root, run: sysctl -w " +
        "kernel.apparmor_restrict_unprivileged_userns=0 (until the next start; it lifts a protection of the whole host).",
    };
  }
  return {
    works: false,
    because: `mmdebstrap could not enter one: ${facts.failure.split("\n").at(-1)}`,
    next: "See what `mmdebstrap --unshare-helper true` says. Within a chroot or some containers the kernel refuses them.",
  };
}

function refused(because: string, line: string): NamespaceAnswer {
  return { works: false, because: `the kernel refuses them: ${because}`, next: `As root, run: ${line}` };
}

/** @see https://man7.org/linux/man-pages/man5/subuid.5.html */
function isEnough(line: string, { user, uid }: Pick<NamespaceFacts, "user" | "uid">): boolean {
  const [who, , count] = line.split(":");
  return (who === user || who === `${uid}`) && Number(count) >= idsOfSystem;
}
