import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CommandError, command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { type LongStepOptions, longStep } from "../base/past-durations.ts";
import { keyOf, type Store, sayMadeAnew } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { debianRoots } from "../supply/debian-roots.ts";
import { sharedStore } from "../supply/registry/other-place.ts";
import type { Image } from "./image.ts";
import { describeRootfs, type RootfsEntry, readRootfs, writeRootfs } from "./rootfs.ts";
import type { GuestSystem } from "./system.ts";
import { systemd } from "./systemd.ts";

/** Raised when the recipe below changes what comes out of it. */
const recipe = 2;

const packagesSchema = z.object({ suite: z.string(), packages: z.array(z.string()).min(1) });
const lockSchema = z.object({
  suite: z.string(),
  architecture: z.string(),
  versions: z.record(z.string(), z.string()),
});
const aboutSchema = z.object({
  packages: z.record(z.string(), z.string()),
  differs: z.array(z.string()),
});

/** Nobody reads manuals in a machine that lives for a minute. */
const leftOut = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];

export interface DebianImageOptions {
  /** More packages than the image has by itself, for a repro that needs them. */
  readonly packages?: readonly string[];
}

/** The Debian of vm/debian. */
export const debian: GuestSystem = {
  title: "Debian",
  provide: async (_request, context) => await provideDebianImage(context),
  bootWithin: timeouts.guest.boot,
  init: systemd,
  hasPerl: true,
  loginShell: ["bash", "-l"],
};

/** Where finished images are kept. */
export function imageStore(context: Pick<Context, "settings"> & Partial<Context>): Store {
  return sharedStore("images", context);
}

/** Fetching its packages takes most of the time, and depends on the network. */
function timing(suite: string): LongStepOptions {
  return { title: `make the Debian image (${suite})`, kind: "image-debian", guess: "2m" };
}

/**
 * A Debian image: mmdebstrap makes the tree, our own files (units, ssh settings) are laid over it, mke2fs
 * writes it as a file system. No root is needed: user namespaces and fakeroot do. The same package versions
 * give the same files; the image's own inode change times differ from build to build.
 *
 * The versions are pinned in `vm/debian/packages.lock.json`. An archive keeps only its newest, so what
 * differs from the pins is written down in the image's provenance.
 *
 * @see mmdebstrap(1), mke2fs(8)
 * @throws {InfraError} when a tool, the archive or the disk fails; nothing half-made stays.
 */
export async function provideDebianImage(context: Context, options: DebianImageOptions = {}): Promise<Image> {
  const home = join(context.settings.homeDir, "vm", "debian");
  const wanted = packagesSchema.parse(JSON.parse(await readFile(join(home, "packages.json"), "utf8")));
  const extra = [...(options.packages ?? [])].sort();
  for (const name of extra) {
    if (!/^[a-z0-9][a-z0-9+.-]+$/.test(name)) throw new UsageError(`"${name}" is not a Debian package name`);
  }
  const lock = await readLock(home);
  const rootfs = await readRootfs(home);
  const key = debianImageKey({ wanted, extra, lock, rootfs: await describeRootfs(rootfs) });
  const entry = await imageStore(context).findOrMake(
    key,
    {
      within: timeouts.make.debian,
      signal: context.signal,
      onCorrupt: sayMadeAnew(context),
      onWait: () =>
        context.progress({ type: "note", text: "the image is being made already; waiting for it" }),
    },
    async (dir, signal) =>
      await longStep(context, timing(wanted.suite), async (progress) => {
        const { main, security } = await debianRoots(context);
        const { debianKeyring } = context.settings;
        const tar = join(dir, "root.tar");
        progress.update({ detail: "mmdebstrap: fetching and unpacking packages" });
        await command(
          [
            "mmdebstrap",
            "--variant=minbase",
            "--format=tar",
            "--quiet",
            `--include=${[...wanted.packages, ...extra].join(",")}`,
            ...(debianKeyring === undefined ? [] : [`--keyring=${debianKeyring}`]),
            ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
            wanted.suite,
            tar,
            `deb ${main} ${wanted.suite} main`,
            `deb ${main} ${wanted.suite}-updates main`,
            `deb ${security} ${wanted.suite}-security main`,
          ],
          {
            within: timeouts.make.debian,
            signal,
            env: { SOURCE_DATE_EPOCH: "0" },
            // What it leaves when it is killed belongs to users of a namespace: nobody else may remove it.
            ending: "orderly",
            install: "Install mmdebstrap: `dstate setup`.",
          },
        ).catch((error: unknown) => {
          // mmdebstrap(1), EXIT STATUS: 25 is any failure of its own; only its words tell which.
          if (error instanceof CommandError && /unable to pick chroot mode/.test(error.stderr))
            throw noUserNamespaces(error);
          throw error;
        });
        progress.update({ detail: "writing the file system" });
        await writeImage(dir, tar, rootfs, signal);
        const packages = z
          .record(z.string(), z.string())
          .parse(JSON.parse(await readFile(join(dir, "packages.json"), "utf8")));
        return { packages, differs: differencesFromPins(lock.versions, packages) } satisfies z.infer<
          typeof aboutSchema
        >;
      }),
  );
  const about = aboutSchema.parse(entry.about);
  const differs =
    about.differs.length === 0 ? "as pinned" : `differs from the pins: ${about.differs.join(", ")}`;
  return {
    id: entry.key,
    kind: "debian",
    path: join(entry.dir, "root.ext4"),
    provenance: `Debian ${wanted.suite}, ${Object.keys(about.packages).length} packages, ${differs}`,
    packages: about.packages,
  };
}

/** Names an image by what it is made from. */
export function debianImageKey(facts: {
  readonly wanted: z.infer<typeof packagesSchema>;
  readonly extra: readonly string[];
  readonly lock: z.infer<typeof lockSchema>;
  readonly rootfs: readonly string[];
}): string {
  return `debian-${facts.wanted.suite}-${keyOf({ recipe, ...facts, leftOut })}`;
}

function noUserNamespaces(cause: CommandError): InfraError {
  return new InfraError(
    "mmdebstrap needs root, or user namespaces with more than one user, and this user has neither",
    {
      next:
        "Install uidmap (`dstate setup`), see that /etc/subuid and /etc/subgid have a line for this user (`usermod " +
        "--add-subuids 100000-165535 --add-subgids 100000-165535 USER` adds one), and that `unshare -Ur true` works.",
      cause,
    },
  );
}

/**
 * For `sed -E`: takes the user and password out of addresses. An archive of the host's that wants them is named in the
 * guest's sources.list, and whoever has the image, or the guest, is not to have them.
 */
export const withoutPasswords = "s#://[^/@[:space:]]+@#://#g";

/** One session of fakeroot around unpacking and mke2fs, so that owners survive without root. */
async function writeImage(
  dir: string,
  tar: string,
  rootfs: readonly RootfsEntry[],
  signal: AbortSignal,
): Promise<void> {
  const tree = join(dir, "tree");
  const ours = join(dir, "rootfs");
  await writeRootfs(rootfs, ours);
  const script = `
set -eu
tree=$1 tar=$2 rootfs=$3 out=$4 without=$5
mkdir "$tree"
tar -xf "$tar" -C "$tree" --exclude=./dev/*
cp -a --no-preserve=ownership "$rootfs"/. "$tree"/
mkdir -p "$tree/opt/node" "$tree/srv/work" "$tree/run" "$tree/proc" "$tree/sys" "$tree/dev"
chown -R 0:0 "$tree/etc/systemd/system" "$tree/usr/local" "$tree/etc/ssh"
rm -f "$tree"/etc/ssh/ssh_host_* "$tree"/var/log/*.log "$tree"/var/cache/ldconfig/aux-cache "$tree"/var/lib/systemd/random-seed
rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*
if grep -q @ "$tree/etc/apt/sources.list"; then sed -i -E "$without" "$tree/etc/apt/sources.list"; fi
: > "$tree/etc/machine-id"
find "$tree" -newermt @0 -exec touch -h -d @0 {} +
mke2fs -q -t ext4 -d "$tree" -L dstate-root -U d57a7e00-0000-4000-8000-000000000001 -m 0 \\
  -O '^has_journal,^metadata_csum_seed' -E hash_seed=d57a7e00-0000-4000-8000-000000000002,lazy_itable_init=0,root_owner=0:0 \\
  -I 256 "$out" 1500M
`;
  const argv = ["sh", "-c", script, "sh", tree, tar, ours, join(dir, "root.ext4"), withoutPasswords];
  await command(process.getuid?.() === 0 ? argv : ["fakeroot", "--", ...argv], {
    within: timeouts.host.image,
    signal,
    env: { E2FSPROGS_FAKE_TIME: "1", SOURCE_DATE_EPOCH: "0" },
    install: "Install fakeroot and e2fsprogs: `dstate setup`.",
  });
  const status = await readFile(join(tree, "var/lib/dpkg/status"), "utf8");
  await writeFile(join(dir, "packages.json"), `${JSON.stringify(installedPackages(status), null, 2)}\n`);
  for (const folder of [tree, ours]) await rm(folder, { recursive: true, force: true });
  await rm(tar);
}

/** Name and version of each package in dpkg's status file. */
export function installedPackages(status: string): Record<string, string> {
  const packages: Record<string, string> = {};
  for (const paragraph of status.split("\n\n")) {
    const name = /^Package: (.+)$/m.exec(paragraph)?.[1];
    const version = /^Version: (.+)$/m.exec(paragraph)?.[1];
    if (name && version) packages[name] = version;
  }
  return packages;
}

/** What an image has in other versions than the lock file pins, one phrase a package. */
export function differencesFromPins(
  pinned: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(found)
    .filter(([name, version]) => pinned[name] !== undefined && pinned[name] !== version)
    .map(([name, version]) => `${name} ${version} (pinned ${pinned[name]})`);
}

async function readLock(home: string): Promise<z.infer<typeof lockSchema>> {
  return lockSchema.parse(JSON.parse(await readFile(join(home, "packages.lock.json"), "utf8")));
}
