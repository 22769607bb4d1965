/** How a program that a guest may have taken over is held on this host. */
export interface Confinement {
  /**
   * `root`: as a user of its own, in namespaces that root made; `user`: as this user, in namespaces that a user
   * namespace allows; `none`: as this user, among everything of the host's that this user may touch.
   */
  readonly way: ConfinementWay;
  /** Whether it can have a network of its own, in which there is nothing. */
  readonly ownNetwork: boolean;
  /** Whether its own filter of system calls is there, which denies it other programs, privileges and old calls. */
  readonly filter: boolean;
  /** One sentence for people: what holds, or what this host lacks. */
  readonly because: string;
}

export type ConfinementWay = "root" | "user" | "none";

/** Whose rights a confined program has where root starts it: a user and a group that nobody else has. */
export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Numbers that neither Debian's policy nor systemd gives to anybody.
 *
 * @see https://systemd.io/UIDS-GIDS (60706 to 61183)
 */
const firstId = 60_706;
const lastId = 61_183;

/** What all machines of root read in common belongs to this group. */
export const commonGroup = firstId;

/**
 * A user for one confined program. Two that run at once hardly ever have the same; if they have, each still sees its
 * own files only.
 */
export function someIds(): Ids {
  return { uid: firstId + 1 + Math.floor(Math.random() * (lastId - firstId)), gid: commonGroup };
}

/**
 * QEMU's own filter of system calls: no old ones, no other user, no other program, no change of its limits.
 *
 * @see https://www.qemu.org/docs/master/system/invocation.html (-sandbox)
 */
export const filterArguments = [
  "-sandbox",
  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
] as const;

/** What a confined program is started with beside its own words. */
export interface Sandbox {
  /** Becomes its root: see `layOut`. */
  readonly root: string;
  /** What is mounted there, as mount(8) reads it. */
  readonly mounts: string;
  readonly ids: Ids;
  /** Groups beside its own, such as that of /dev/kvm. */
  readonly groups: readonly number[];
  /** A static busybox: it sets the loopback device of an own network up. Undefined: it keeps the host's network. */
  readonly ownNetwork: string | undefined;
}

/** Namespaces of every way; the script of {@link inside} then is root in them. */
const namespaces = ["--mount", "--ipc", "--uts"] as const;

/** No word of it is anybody's data: that comes as arguments. */
const inside = {
  ownNetwork: 'mount -a -T "$1" && "$2" ip link set lo up && shift 2 && exec chroot "$@"',
  hostNetwork: 'mount -a -T "$1" && shift 2 && exec chroot "$@"',
} as const;

/** Where `setpriv` is within every root. */
export const setprivInside = "/usr/bin/setpriv";

/**
 * The command that starts a program confined. It stays one process from the first word to the last, so that its pid,
 * its exit code and its signals are the program's own; it dies with this process.
 *
 * @see https://man7.org/linux/man-pages/man1/unshare.1.html
 * @see https://man7.org/linux/man-pages/man1/setpriv.1.html
 * @example confinedCommand("root", sandbox, ["/usr/bin/qemu-system-x86_64", "-version"])
 */
export function confinedCommand(
  way: ConfinementWay,
  sandbox: Sandbox | undefined,
  command: readonly string[],
): [string, ...string[]] {
  const dies = ["--pdeathsig", "KILL"] as const;
  if (way === "none" || sandbox === undefined)
    return ["setpriv", "--no-new-privs", ...dies, "--", ...command];
  const { ownNetwork } = sandbox;
  return [
    "setpriv",
    ...[...dies, "--", "unshare"],
    ...(way === "user" ? ["--user", "--map-root-user"] : []),
    ...namespaces,
    ...(ownNetwork === undefined ? [] : ["--net"]),
    ...["--", "sh", "-c", ownNetwork === undefined ? inside.hostNetwork : inside.ownNetwork, "dstate"],
    ...[sandbox.mounts, ownNetwork ?? "-"],
    ...[sandbox.root, setprivInside, ...rightsOf(way, sandbox), "--no-new-privs", ...dies, "--", ...command],
  ];
}

/** The last signal of a parent's death that is asked for counts: it is lost with each change of user. */
function rightsOf(way: "root" | "user", { ids, groups }: Sandbox): string[] {
  if (way === "user")
    return [
      ...["--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all"],
      ...["--securebits", "+noroot,+noroot_locked"],
    ];
  return [
    ...["--reuid", `${ids.uid}`, "--regid", `${ids.gid}`],
    ...(groups.length === 0 ? ["--clear-groups"] : ["--groups", groups.join(",")]),
    ...["--inh-caps", "-all", "--ambient-caps", "-all"],
  ];
}
