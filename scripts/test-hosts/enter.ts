import { appendFileSync } from "node:fs";
import { access } from "node:fs/promises";
import { CommandError, command } from "../../src/base/command.ts";
import type { Duration } from "../../src/base/duration.ts";
import { type Host, ordinary, type User } from "./hosts.ts";

/** A folder or file of this machine that is seen in the root. */
export interface Bind {
  readonly from: string;
  readonly to: string;
  readonly mode: "ro" | "rw";
}

export interface EnterOptions {
  readonly host: Host;
  /** The folder of the root. */
  readonly root: string;
  readonly user: User;
  readonly binds: readonly Bind[];
  /** Relative to the user's home. */
  readonly folder?: string;
  readonly within: Duration;
  readonly signal: AbortSignal;
  /** Everything that is printed is added to it. */
  readonly log: string;
  readonly onLine?: (line: string) => void;
}

export interface Ended {
  readonly code: number;
  readonly output: string;
}

/**
 * Namespaces of its own and pivot_root, not chroot: the kernel refuses user namespaces within a chroot, and ordinary
 * users of a real system have them. What is mounted is what systemd mounts.
 *
 * @see https://man7.org/linux/man-pages/man7/user_namespaces.7.html, https://man7.org/linux/man-pages/man2/pivot_root.2.html
 */
const enterScript = `
set -eu
root=$1 tmp=$2 host=$3 user=$4 folder=$5
shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
minor() { mknod -m 666 "$root/dev/$1" c "$2" "$3"; }
minor null 1 3; minor zero 1 5; minor full 1 7; minor random 1 8; minor urandom 1 9; minor tty 5 0
if [ -c /dev/kvm ]; then cp -a /dev/kvm "$root/dev/"; fi
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"; ln -s /proc/self/fd/1 "$root/dev/stdout"; ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
if [ "$tmp" = memory ]; then mount -t tmpfs -o mode=1777,nosuid,nodev,size=50% tmp "$root/tmp"; fi
while [ "$1" != -- ]; do
  from=$1 to=$root$2 mode=$3
  shift 3
  if [ -d "$from" ]; then mkdir -p "$to"; else mkdir -p "\${to%/*}"; [ -e "$to" ] || : > "$to"; fi
  mount --bind "$from" "$to"
  if [ "$mode" = ro ]; then mount -o remount,bind,ro "$to"; fi
done
shift
hostname "$host"
cd "$root"
mkdir -p .outside
pivot_root . .outside
cd /
umount -l /.outside
rmdir /.outside
exec su --login "$user" -c 'cd "$1" && shift && exec "$@"' -- sh "$folder" "$@"
`;

/** How this machine reaches the network, which a fresh system cannot know. */
const networkVariables =
  /^(https?_proxy|no_proxy|all_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|GIT_SSL_CAINFO|CURL_CA_BUNDLE|DSTATE_DEBIAN_MIRROR|DSTATE_KERNEL_PLACES|DSTATE_DEBUG)$/i;

/**
 * Run a program in a root as a login of a user would, and tell how it ended.
 *
 * @throws {CommandError} when a signal ended it, or the root could not be entered.
 * @throws {DeadlineError} when it takes too long.
 */
export async function enter(argv: readonly string[], options: EnterOptions): Promise<Ended> {
  const { host, root, user, folder = ".", within, signal } = options;
  const name = user === "root" ? "root" : ordinary.name;
  const binds = [...(await networkBinds()), ...options.binds];
  const network = Object.entries(process.env).flatMap(([key, value]) =>
    networkVariables.test(key) ? [`${key}=${value}`] : [],
  );
  const unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--"];
  const places = binds.flatMap(({ from, to, mode }) => [from, to, mode]);
  const inside = [
    "sh",
    "-c",
    enterScript,
    "sh",
    root,
    host.memoryTmp ? "memory" : "disk",
    host.id,
    name,
    folder,
  ];
  appendFileSync(options.log, `\n$ ${argv.join(" ")}   # ${host.id}, ${name}\n`);
  let output = "";
  const onOutput = (text: string): void => {
    appendFileSync(options.log, text);
    output = (output + text).slice(-1_000_000);
    const line = text.trim().split("\n").at(-1);
    if (line) options.onLine?.(line);
  };
  try {
    await command([...unshare, ...inside, ...places, "--", "env", ...network, ...argv], {
      within,
      signal,
      onOutput,
    });
    return { code: 0, output };
  } catch (error) {
    if (error instanceof CommandError && error.code !== null) return { code: error.code, output };
    throw error;
  }
}

async function networkBinds(): Promise<Bind[]> {
  const files = ["/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"];
  const found: Bind[] = [];
  for (const path of files) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) found.push({ from: path, to: path, mode: "ro" });
  }
  return found;
}
