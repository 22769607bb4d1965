import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { InfraError, messageOf } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import { sideBySide } from "../base/side-by-side.ts";
import { keyOf, Store } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import type { Platform } from "../platform/platform.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { hashedFiles, type Stanza, stanzasOfPackages } from "../supply/deb822.ts";
import { type DebianRoots, debianRoots } from "../supply/debian-roots.ts";
import { openSuite } from "../supply/debian-suite.ts";
import type { Keyring } from "../supply/signature.ts";

/** The suites that carry kernels, and under which root of the archive. */
export const debianSuites = [
  { name: "bullseye", root: "main" },
  { name: "bullseye-security", root: "security" },
  { name: "bookworm", root: "main" },
  { name: "bookworm-updates", root: "main" },
  { name: "bookworm-security", root: "security" },
  { name: "bookworm-backports", root: "main" },
  { name: "trixie", root: "main" },
  { name: "trixie-updates", root: "main" },
  { name: "trixie-security", root: "security" },
  { name: "trixie-backports", root: "main" },
  { name: "forky", root: "main" },
  { name: "sid", root: "main" },
] as const satisfies readonly { name: string; root: keyof DebianRoots }[];

type Suite = (typeof debianSuites)[number];

/** A binary package of a kernel, as a signed index describes it. */
export const kernelPackageSchema = z.object({
  name: z.string(),
  version: z.string(),
  depends: z.string(),
  file: z.object({ url: z.url(), size: z.int(), sha256: z.string() }),
  suite: z.string(),
});
export type KernelPackage = z.infer<typeof kernelPackageSchema>;

/** An upstream tarball, as a signed index of sources describes it. */
export const indexedTarballSchema = z.object({
  /** The upstream version. */
  version: z.string(),
  file: z.object({ url: z.url(), size: z.int(), sha256: z.string() }),
  suite: z.string(),
});
export type IndexedTarball = z.infer<typeof indexedTarballSchema>;

/** What the archive's signed indexes say about kernels. */
export const kernelIndexSchema = z.object({
  packages: z.array(kernelPackageSchema),
  sources: z.array(indexedTarballSchema),
});
export type KernelIndex = z.infer<typeof kernelIndexSchema>;

/** Where Debian's snapshot archive is: it answers any time with what the archive had then. */
const snapshots = "https://snapshot.debian.org/archive";

/**
 * What the archive's suites said about kernels at an earlier time, of which the snapshot archive has everything. Read
 * once: it stays what it was.
 *
 * @param time as the snapshot archive names it: `20241015T000000Z`, or a day.
 * @throws {InfraError} when the snapshot archive is out of reach or has nothing of that time, or a signature is wrong.
 * @see https://snapshot.debian.org
 */
export async function snapshotIndex(time: string, context: Context): Promise<KernelIndex> {
  const { settings } = context;
  const place = (settings.mirrors["debian-snapshot"] ?? snapshots).replace(/\/+$/, "");
  const at = time.includes("T") ? time : `${time}T000000Z`;
  const roots = { main: `${place}/debian/${at}`, security: `${place}/debian-security/${at}` };
  const store = new Store(join(settings.cacheDir, "debian-snapshots"));
  const limits = { within: timeouts.make.index, signal: context.signal } as const;
  try {
    const key = `${at}-${keyOf([roots, debianSuites])}`;
    const entry = await store.findOrMake(key, limits, async (dir, signal) => {
      await readSuites(roots, `read Debian's indexes of ${time}`, { dir, signal, context });
      return { at };
    });
    return await readIndex(entry.dir);
  } catch (error) {
    if (!(error instanceof InfraError)) throw error;
    throw new InfraError(`Debian's archive of ${time} cannot be had: ${messageOf(error)}`, {
      next: 'Name another snapshot archive: DSTATE_MIRRORS="debian-snapshot=URL"; or a package that you have: deb:./linux-image.deb.',
      cause: error,
    });
  }
}

export interface IndexOptions {
  /** `any` takes what an earlier run fetched, however old; `fresh` at most a day old where the network allows. */
  readonly age: "any" | "fresh";
}

/**
 * What the Debian archive's suites say about kernels. Every byte is vouched for: the suite's InRelease by the
 * archive's key, each index by the InRelease's sha256. `Valid-Until` is not enforced: the packages asked for
 * are named by version, so an old index can withhold but not mislead.
 *
 * @returns undefined when only `any` was asked for and nothing is there.
 * @throws {InfraError} when the archive is out of reach and nothing was fetched before, or a signature or hash
 *   is wrong.
 */
export async function kernelIndex(context: Context, options: IndexOptions): Promise<KernelIndex | undefined> {
  const store = new Store(join(context.settings.cacheDir, "debian-indexes"));
  const day = new Date().toISOString().slice(0, 10);
  if (options.age === "any") return await newest(store);
  const roots = await debianRoots(context).catch((error: unknown) => error);
  const key = `${day}-${keyOf([roots, debianSuites])}`;
  try {
    if (!isRoots(roots)) throw roots;
    const entry = await store.findOrMake(
      key,
      { within: timeouts.make.index, signal: context.signal },
      async (dir, signal) => {
        await readSuites(roots, "read the Debian archive's indexes", { dir, signal, context });
        return { day };
      },
    );
    for (const name of await readdir(store.root)) {
      if (/^\d{4}-/.test(name) && name.slice(0, 10) < day) await store.remove(name);
    }
    return await readIndex(entry.dir);
  } catch (error) {
    context.signal.throwIfAborted();
    const old = await newest(store);
    if (!old || !(error instanceof InfraError)) throw error;
    context.progress({
      type: "note",
      text: `the Debian archive could not be asked (${messageOf(error)}): using the index of an earlier day`,
    });
    return old;
  }
}

/** Read what all suites have, into a folder. */
async function readSuites(
  roots: DebianRoots,
  title: string,
  { dir, signal, context }: { readonly dir: string; readonly signal: AbortSignal; readonly context: Context },
): Promise<void> {
  const keyring = context.settings.debianKeyring;
  const parts: KernelIndex[] = [];
  await longStep(context, { title, kind: "debian-index", guess: "10s" }, async ({ update }) => {
    const suites = debianSuites.entries();
    let done = 0;
    const readSome = async (signal: AbortSignal): Promise<void> => {
      for (const [place, suite] of suites) {
        const scratch = join(dir, suite.name);
        await mkdir(scratch);
        parts[place] = await readSuite(suite, roots, { dir: scratch, signal, keyring });
        await rm(scratch, { recursive: true });
        done += 1;
        update({ detail: suite.name, share: done / debianSuites.length });
      }
    };
    // While one is fetched, another is unpacked by a program of its own.
    await sideBySide(signal, [readSome, readSome, readSome]);
  });
  const packages = parts.flatMap(({ packages }) => packages);
  if (packages.length === 0) {
    throw new InfraError(`the archive at ${roots.main} has no suite with kernels`, {
      next: "Check DSTATE_DEBIAN_MIRROR: it must be the root of a Debian archive.",
    });
  }
  const index: KernelIndex = { packages, sources: parts.flatMap(({ sources }) => sources) };
  await writeFile(join(dir, "index.json"), `${JSON.stringify(index, null, 1)}\n`);
}

function isRoots(value: unknown): value is DebianRoots {
  return typeof value === "object" && value !== null && "main" in value && "security" in value;
}

async function newest(store: Store): Promise<KernelIndex | undefined> {
  const entry = (await store.list()).at(-1);
  return entry && (await readIndex(entry.dir));
}

async function readIndex(dir: string): Promise<KernelIndex> {
  return kernelIndexSchema.parse(JSON.parse(await readFile(join(dir, "index.json"), "utf8")));
}

async function readSuite(
  suite: Suite,
  roots: DebianRoots,
  scratch: { dir: string; signal: AbortSignal; keyring: Keyring },
): Promise<KernelIndex> {
  const root = roots[suite.root];
  const opened = await openSuite(`${root}/dists/${suite.name}`, scratch);
  if (!opened) return { packages: [], sources: [] };
  return {
    packages: packagesOf(await opened.read(`main/binary-${guestPlatform.debianArchitecture}/Packages`), {
      root,
      suite: suite.name,
    }),
    sources: sourcesOf(await opened.read("main/source/Sources"), { root, suite: suite.name }),
  };
}

/** The packages of a `Packages` index that make up kernels for ordinary machines: no debug symbols, no variants. */
export function packagesOf(
  index: string,
  from: { root: string; suite: string },
  { debianArchitecture: arch }: Platform = guestPlatform,
): KernelPackage[] {
  const ofKernels = new RegExp(`^linux-(image|base|binary|modules)-(unsigned-)?\\d.*-${arch}(-unsigned)?$`);
  const ofVariants = new RegExp(`-(rt|cloud)-${arch}`);
  return stanzasOfPackages(index, "linux-").flatMap((stanza) => {
    const name = stanza.get("package") ?? "";
    if (!ofKernels.test(name) || ofVariants.test(name)) return [];
    return [
      {
        name,
        version: stanza.get("version") ?? "",
        depends: stanza.get("depends") ?? "",
        file: {
          url: `${from.root}/${stanza.get("filename")}`,
          size: Number(stanza.get("size")),
          sha256: stanza.get("sha256") ?? "",
        },
        suite: from.suite,
      },
    ];
  });
}

/** The upstream kernel tarballs a `Sources` index lists with a sha256. */
export function sourcesOf(index: string, from: { root: string; suite: string }): IndexedTarball[] {
  return stanzasOfPackages(index, "linux").flatMap((stanza: Stanza) =>
    hashedFiles(stanza.get("checksums-sha256")).flatMap(({ path, size, sha256 }) => {
      const [, version] = /^linux(?:-\d+\.\d+)?_([\d.]+(?:~rc\d+)?)\.orig\.tar\.xz$/.exec(path) ?? [];
      if (version === undefined) return [];
      return [
        {
          version: version.replace("~rc", "-rc"),
          file: { url: `${from.root}/${stanza.get("directory")}/${path}`, size, sha256 },
          suite: from.suite,
        },
      ];
    }),
  );
}
