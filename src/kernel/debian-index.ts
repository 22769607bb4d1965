import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { InfraError, messageOf } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
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
  const keyring = context.settings.debianKeyring;
  if (options.age === "any") return await newest(store);
  const roots = await debianRoots(context).catch((error: unknown) => error);
  const key = `${day}-${keyOf([roots, debianSuites])}`;
  try {
    if (!isRoots(roots)) throw roots;
    const entry = await store.findOrMake(
      key,
      { within: timeouts.make.index, signal: context.signal },
      async (dir, signal) => {
        const index = await longStep(
          context,
          { title: "read the Debian archive's indexes", kind: "debian-index", guess: "20s" },
          async ({ update }) => {
            const parts: KernelIndex[] = [];
            for (const suite of debianSuites) {
              update({ detail: suite.name, share: parts.length / debianSuites.length });
              parts.push(await readSuite(suite, roots, { dir, signal, keyring }));
            }
            return {
              packages: parts.flatMap(({ packages }) => packages),
              sources: parts.flatMap(({ sources }) => sources),
            };
          },
        );
        if (index.packages.length === 0) {
          throw new InfraError(`the archive at ${roots.main} has no suite with kernels`, {
            next: "Check DSTATE_DEBIAN_MIRROR: it must be the root of a Debian archive.",
          });
        }
        await writeFile(join(dir, "index.json"), `${JSON.stringify(index, null, 1)}\n`);
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
