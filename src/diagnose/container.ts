import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Within } from "../base/deadline.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { type ContainerOptions, containerConfig, guestFolders } from "./bundle.ts";
import { type ContainerFacts, factsScript, parseFacts } from "./container-facts.ts";
import type { GuestHost, GuestResult } from "./guest-host.ts";
import { runTraced, type Trace, type TraceOptions } from "./run-traced.ts";
import { loggingDenials, provideSeccomp, type SeccompProfile } from "./seccomp.ts";

export interface RunOptions extends ContainerOptions {
  /**
   * Where an `overlay` keeps what the container writes: on the guest's disk (ext4), as container engines do, or in its
   * memory. Default: `disk`.
   */
  readonly upper?: "disk" | "tmpfs" | undefined;
  readonly within: Within;
  readonly signal?: AbortSignal | undefined;
  /** A profile, or what {@link provideSeccomp} takes: a name, or the path of a file. Default: unconfined. */
  readonly seccomp?: SeccompProfile | string | undefined;
  /** Have the kernel log a line for every call that the profile denies. Nothing changes for the program. */
  readonly logDenials?: boolean | undefined;
  /**
   * Have a shell as the container's first process, which writes down at its end what the kernel counted: the
   * cgroup is gone together with the container. It is one process more for a pids limit.
   */
  readonly facts?: boolean | undefined;
  /** Put the runtime and everything in the container under strace. */
  readonly trace?: TraceOptions | undefined;
}

export interface ContainerResult extends GuestResult {
  /** Where `facts` was asked for. */
  readonly facts?: ContainerFacts;
  /** Where `trace` was asked for. */
  readonly trace?: Trace;
}

/** Where bundles are in a guest. */
const bundles = "/run/dstate/containers";
/** Where a container finds the folder that its facts go to. */
const factsFolder = "/run/dstate-facts";

/** Where overlays keep what containers write: on the guest's disk, and in its memory. */
const uppers = { disk: "/var/lib/dstate/containers", tmpfs: bundles } as const;

// The root is the guest's own, bound once more so that crun can pivot into it, or below an overlay; mounts below it
// are not part of it.
const prepareBundle = `set -eu
bundle=$1 upper=$2
shift 2
mkdir -p "$bundle/rootfs" "$@"
install -d -m 1777 "$bundle/facts"
if [ -z "$upper" ]; then mount --bind / "$bundle/rootfs"
else
  mkdir -p "$upper/upper" "$upper/work"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$upper/upper,workdir=$upper/work" "$bundle/rootfs"
fi
cat > "$bundle/config.json"`;
const removeBundle = `crun delete --force "$2" 2>/dev/null
umount "$1/rootfs" || umount -l "$1/rootfs"
# Whatever is still mounted there is no part of it.
rm -rf --one-file-system "$1"
[ -z "$3" ] || rm -rf --one-file-system "$3"`;

/**
 * Run a container with crun in a guest, to its end. Its root is the guest's own file system, read-only; with
 * `root: "overlay"` a writable overlayfs over it, as container engines have. /opt/node and /srv/work are in it.
 *
 * @throws {UsageError} when the seccomp profile cannot be used, or the guest's kernel has no overlayfs.
 * @throws {InfraError} when crun cannot start it and `facts` was asked for.
 * @throws {DeadlineError} after `within`.
 * @see https://github.com/containers/crun/blob/main/crun.1.md
 * @example
 * const run = await runContainer(vm.guest, {
 *   args: ["node", "/srv/work/hello.mjs"],
 *   seccomp: "./my-profile.json",
 *   pidsLimit: 64,
 *   rlimits: { RLIMIT_NPROC: 100 },
 *   within: "30s",
 *   signal,
 * });
 */
export async function runContainer(host: GuestHost, options: RunOptions): Promise<ContainerResult> {
  const { signal, within } = options;
  const id = `dstate-${randomBytes(4).toString("hex")}`;
  const bundle = `${bundles}/${id}`;
  const upper = options.root === "overlay" ? join(uppers[options.upper ?? "disk"], `${id}-layer`) : "";
  const config = await configOf(options, bundle);
  try {
    await prepare(host, [bundle, upper], { signal, config });
    const crun = ["crun", "run", "--bundle", bundle, id];
    const result = options.trace
      ? await runTraced(host, crun, { trace: options.trace, within, signal })
      : await host.exec(crun, { within, signal, allowFailure: true });
    if (!options.facts) return result;
    const told = await host.exec(["cat", `${bundle}/facts/facts.txt`], {
      within: timeouts.guest.exec,
      signal,
      allowFailure: true,
    });
    if (told.exitCode !== 0) refuseUnstarted(result);
    return { ...result, facts: parseFacts(told.stdout) };
  } finally {
    // What is left of a container that outlived its deadline, too.
    await host
      .exec(["sh", "-c", removeBundle, "sh", bundle, id, upper], {
        within: timeouts.guest.exec,
        allowFailure: true,
      })
      .catch(() => {});
  }
}

async function prepare(
  host: GuestHost,
  places: readonly [bundle: string, upper: string],
  { signal, config }: { readonly signal: AbortSignal | undefined; readonly config: object },
): Promise<void> {
  const made = await host.exec(["sh", "-c", prepareBundle, "sh", ...places, ...guestFolders], {
    within: timeouts.guest.exec,
    signal,
    input: JSON.stringify(config),
    allowFailure: true,
  });
  if (made.exitCode === 0) return;
  const said = made.stderr.trim();
  if (said.includes("unknown filesystem type 'overlay'"))
    throw new UsageError("the guest's kernel has no overlayfs", {
      next: "Choose a kernel with CONFIG_OVERLAY_FS=y, or leave out `root`: it is a read-only bind then.",
    });
  throw new InfraError(`the container's folder could not be made in the guest: ${said}`);
}

/** crun's own failures end with 1 and a line about them; a shell that could not go on names its script. */
function refuseUnstarted({ exitCode, stderr }: GuestResult): void {
  if (exitCode !== 1 || stderr.trim() === "" || stderr.includes(factsFolder)) return;
  throw new InfraError(`crun could not start the container: ${stderr.trim().split("\n").at(-1)}`, {
    next: "Look at what the trial or the seccomp profile asks of it.",
  });
}

async function configOf(options: RunOptions, bundle: string): Promise<object> {
  const profile =
    typeof options.seccomp === "string" ? await provideSeccomp(options.seccomp) : options.seccomp;
  const seccomp = profile && options.logDenials ? loggingDenials(profile) : profile;
  if (!options.facts) return containerConfig("rootfs", { ...options, seccomp });
  return containerConfig("rootfs", {
    ...options,
    seccomp,
    args: ["sh", "-c", factsScript, `${factsFolder}/facts.txt`, ...options.args],
    binds: [
      ...(options.binds ?? []),
      { source: `${bundle}/facts`, destination: factsFolder, access: "writable" },
    ],
  });
}
