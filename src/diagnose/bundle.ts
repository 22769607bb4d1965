import type { SeccompProfile } from "./seccomp.ts";

/** A resource limit's name, as getrlimit(2) has it. */
export type RlimitName = `RLIMIT_${string}`;

export interface Bind {
  readonly source: string;
  readonly destination: string;
  readonly access: "read-only" | "writable";
}

/** What runs in a container, and what it may do. */
export interface ContainerOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** User and group; without capabilities, whoever it is. Default 1000: RLIMIT_NPROC does not count root. */
  readonly uid?: number | undefined;
  /** The cgroup's `pids.max`. */
  readonly pidsLimit?: number | undefined;
  /** By name; a number is the soft and the hard limit. */
  readonly rlimits?:
    | Readonly<Record<RlimitName, number | { readonly soft: number; readonly hard: number }>>
    | undefined;
  /**
   * What the container's `/` is, both times with the guest's own files.
   * - `read-only`, the default: the guest's file system itself (ext4), bound read-only; `/tmp` is a tmpfs of its own.
   * - `overlay`: a real overlayfs over it, as container engines make, and writable; `/tmp` is part of it. `/proc`,
   *   `/dev`, `/sys` and `/run` are no part of it, neither are the binds.
   */
  readonly root?: "read-only" | "overlay" | undefined;
  /** Beside /opt/node, /srv/work and NixOS' /run/current-system, which are there read-only. */
  readonly binds?: readonly Bind[] | undefined;
}

/** The guest's folders that are on file systems of their own, and so no part of the container's root. */
export const guestFolders: readonly string[] = ["/opt/node", "/srv/work", "/run/current-system"];

const tmpfs = (destination: string, mode: string): object => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options: ["nosuid", "nodev", `mode=${mode}`],
});

/**
 * The `config.json` of an OCI bundle: namespaces of its own, no capabilities.
 *
 * @param rootfs the root file system, as seen by the runtime.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md
 * @example containerConfig("rootfs", { args: ["node", "-e", "0"], pidsLimit: 2 })
 */
export function containerConfig(
  rootfs: string,
  options: ContainerOptions & { readonly seccomp?: SeccompProfile | undefined },
): object {
  const uid = options.uid ?? 1000;
  const env = {
    // On NixOS an official Node starts only through the image's own command of that name, which is found first.
    PATH: "/run/current-system/sw/bin:/opt/node/bin:/usr/bin:/bin",
    HOME: "/tmp",
    ...options.env,
  };
  const own = guestFolders.map((path): Bind => ({ source: path, destination: path, access: "read-only" }));
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid, gid: uid },
      args: options.args,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: options.cwd ?? "/",
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      rlimits: Object.entries(options.rlimits ?? {}).map(([type, limit]) => ({
        type,
        ...(typeof limit === "number" ? { soft: limit, hard: limit } : limit),
      })),
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: options.root !== "overlay" },
    hostname: "container",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      {
        destination: "/dev",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755"],
      },
      { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "mode=1777"] },
      ...(options.root === "overlay" ? [] : [tmpfs("/tmp", "1777")]),
      tmpfs("/run", "755"),
      {
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["nosuid", "noexec", "nodev", "ro"],
      },
      ...[...own, ...(options.binds ?? [])].map(({ source, destination, access }) => ({
        destination,
        type: "bind",
        source,
        options: ["rbind", access === "writable" ? "rw" : "ro"],
      })),
    ],
    linux: {
      namespaces: ["pid", "mount", "ipc", "uts", "cgroup", "network"].map((type) => ({ type })),
      resources: options.pidsLimit === undefined ? {} : { pids: { limit: options.pidsLimit } },
      ...(options.seccomp ? { seccomp: options.seccomp } : {}),
    },
  };
}
