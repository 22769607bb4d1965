import type { Duration } from "../base/duration.ts";
import type { SeccompProfile } from "./seccomp.ts";

export interface Rlimit {
  readonly type: `RLIMIT_${string}`;
  readonly soft: number;
  readonly hard: number;
}

export interface Bind {
  readonly source: string;
  readonly destination: string;
  readonly access: "read-only" | "writable";
}

/** What runs in a container, and what it may do. */
export interface ContainerOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** User and group; without capabilities, whoever it is. Default 1000: RLIMIT_NPROC does not count root. */
  readonly uid?: number;
  readonly seccomp?: SeccompProfile | undefined;
  /** The cgroup's `pids.max`. */
  readonly pidsLimit?: number;
  readonly rlimits?: readonly Rlimit[];
  readonly binds?: readonly Bind[];
}

const tmpfs = (destination: string, mode: string): object => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options: ["nosuid", "nodev", `mode=${mode}`],
});

/**
 * The `config.json` of an OCI bundle: namespaces of its own, no capabilities, a read-only root.
 *
 * @param rootfs the root file system, as seen by the runtime.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md
 * @example containerConfig("rootfs", { args: ["node", "-e", "0"], pidsLimit: 2 })
 */
export function containerConfig(rootfs: string, options: ContainerOptions): object {
  const uid = options.uid ?? 1000;
  const env = { PATH: "/opt/node/bin:/usr/bin:/bin", HOME: "/tmp", ...options.env };
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid, gid: uid },
      args: options.args,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: options.cwd ?? "/",
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      rlimits: options.rlimits ?? [],
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: true },
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
      tmpfs("/tmp", "1777"),
      tmpfs("/run", "755"),
      {
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["nosuid", "noexec", "nodev", "ro"],
      },
      ...(options.binds ?? []).map(({ source, destination, access }) => ({
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

/** What is needed of a guest to run a container in it. */
export interface ContainerHost {
  exec(
    command: readonly string[],
    options: {
      readonly within?: Duration;
      readonly signal?: AbortSignal | undefined;
      readonly input?: string;
      readonly allowFailure?: boolean;
    },
  ): Promise<ContainerResult>;
}

export interface ContainerResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export interface RunOptions extends ContainerOptions {
  /** The container's name, a file name too. */
  readonly id: string;
  readonly within: Duration;
  readonly signal?: AbortSignal | undefined;
  /** Put before `crun run`, such as strace with its options. */
  readonly under?: readonly string[];
}

/** Where bundles are in a guest. */
const bundles = "/run/dstate/containers";

// The root is the guest's own, bound once more so that crun can pivot into it; mounts below it are not part of it.
const prepareBundle = `set -eu
mkdir -p "$1/rootfs"
mount --bind / "$1/rootfs"
cat > "$1/config.json"`;
const removeBundle = `umount "$1/rootfs"; rm -rf "$1"`;

/**
 * Run a container with crun in a guest, to its end. Its root is the guest's, read-only.
 *
 * @throws {DeadlineError} after `within`.
 * @see https://github.com/containers/crun/blob/main/crun.1.md
 * @example await runContainer(vm.guest, { id: "node", args: ["node", "-e", "0"], within: "30s" })
 */
export async function runContainer(host: ContainerHost, options: RunOptions): Promise<ContainerResult> {
  const bundle = `${bundles}/${options.id}`;
  const { signal, within } = options;
  await host.exec(["sh", "-c", prepareBundle, "sh", bundle], {
    within: "20s",
    signal,
    input: JSON.stringify(containerConfig("rootfs", options)),
  });
  try {
    return await host.exec([...(options.under ?? []), "crun", "run", "--bundle", bundle, options.id], {
      within,
      signal,
      allowFailure: true,
    });
  } finally {
    // What is left of a container that outlived its deadline.
    await host
      .exec(["sh", "-c", `crun delete --force "$2" 2>/dev/null; ${removeBundle}`, "sh", bundle, options.id], {
        within: "20s",
        allowFailure: true,
      })
      .catch(() => {});
  }
}
