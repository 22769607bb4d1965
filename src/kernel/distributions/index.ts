import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../../base/context.ts";
import { InfraError, messageOf } from "../../base/errors.ts";
import { step } from "../../base/progress.ts";
import { keyOf, Store } from "../../base/store.ts";
import { timeouts } from "../../base/timeouts.ts";
import { guestPlatform } from "../../platform/platforms.ts";
import { readApkRepository } from "../../supply/apk-repository.ts";
import { readArchRepository } from "../../supply/arch-repository.ts";
import { stanzasOfPackages } from "../../supply/deb822.ts";
import { openSuite } from "../../supply/debian-suite.ts";
import { download } from "../../supply/download.ts";
import type { IndexedPackage, IndexPlace } from "../../supply/package-index.ts";
import { readRpmRepository } from "../../supply/rpm-repository.ts";
import { isKernelPackage } from "./kernels.ts";
import { type Distribution, type DistributionName, distribution, type PackageFormat } from "./table.ts";

const packagesSchema = z.array(
  z.object({
    name: z.string(),
    version: z.string(),
    url: z.url(),
    check: z.discriminatedUnion("type", [
      z.object({ type: z.literal("sha256"), sha256: z.string() }),
      z.object({ type: z.literal("apk"), control: z.string() }),
      z.object({ type: z.literal("signature"), url: z.url() }),
    ]),
  }),
);

/** Reads a repository of a format; undefined: there is none. */
type Reader = (place: IndexPlace, repository: string) => Promise<IndexedPackage[] | undefined>;

const readers: Readonly<Record<PackageFormat, Reader>> = {
  apt: readAptSuite,
  rpm: async (place) => await readRpmRepository(place),
  apk: async (place) => await readApkRepository(place),
  arch: async (place, repository) => await readArchRepository(place, repository.split("/")[0] ?? ""),
};

/** Where a distribution's packages and keys are for a user. */
export function placeOf(
  name: DistributionName,
  { settings }: Pick<Context, "settings">,
): { readonly mirror: string; readonly keyring: string } {
  const { mirror, keyring } = distribution(name);
  return {
    mirror: (settings.mirrors[name] ?? mirror).replace(/\/+$/, ""),
    keyring: settings.keyrings[name] ?? keyring,
  };
}

/**
 * The packages of a distribution's kernels, from its signed indexes; read once a day.
 *
 * @throws {InfraError} when its place cannot be reached, or what is there is not what its keys vouch for.
 */
export async function distributionPackages(
  name: DistributionName,
  context: Context,
): Promise<IndexedPackage[]> {
  const row = distribution(name);
  const { mirror, keyring } = placeOf(name, context);
  const store = new Store(join(context.settings.cacheDir, "distribution-indexes"));
  const day = new Date().toISOString().slice(0, 10);
  const key = `${name}-${day}-${keyOf({ recipe: 1, mirror, keyring, row })}`;
  const limits = { within: timeouts.make.index, signal: context.signal } as const;
  await requireKeys(name, keyring);
  const entry = await store.findOrMake(key, limits, async (dir, signal) => {
    const packages = await step(context.progress, `read ${row.title}'s indexes`, async ({ update }) => {
      const wants = (name: string): boolean => isKernelPackage(name, row);
      const all: IndexedPackage[] = [];
      for (const repository of row.repositories) {
        update({ detail: repository, share: row.repositories.indexOf(repository) / row.repositories.length });
        try {
          const root = await rootOf(row, `${mirror}/${repository}`, { mirror, dir, signal });
          const place: IndexPlace = { root, keyring, dir, signal, wants };
          all.push(...((await readers[row.format](place, repository)) ?? []));
        } catch (error) {
          throw atPlace(error, name, mirror);
        }
      }
      if (all.length === 0) throw atPlace(new InfraError("no repository there has a kernel"), name, mirror);
      return all;
    });
    await writeFile(join(dir, "packages.json"), JSON.stringify(packages));
    for (const left of ["repomd.xml", "repomd.xml.asc", "primary", "APKINDEX.tar.gz", "packages.db"])
      await rm(join(dir, left), { force: true });
    return { day };
  });
  return await readPackages(entry.dir);
}

/** The packages of an earlier look, however old; undefined: there was none. */
export async function knownPackages(
  name: DistributionName,
  { settings }: Pick<Context, "settings">,
): Promise<IndexedPackage[] | undefined> {
  const entries = await new Store(join(settings.cacheDir, "distribution-indexes")).list();
  const newest = entries.filter(({ key }) => key.startsWith(`${name}-2`)).at(-1);
  return newest && (await readPackages(newest.dir));
}

async function readPackages(dir: string): Promise<IndexedPackage[]> {
  return packagesSchema.parse(JSON.parse(await readFile(join(dir, "packages.json"), "utf8")));
}

/** @throws {InfraError} when a distribution's keys are not on this machine. */
async function requireKeys(name: DistributionName, keyring: string): Promise<void> {
  if (await stat(keyring).catch(() => undefined)) return;
  throw new InfraError(`${distribution(name).title}'s keys are not on this machine (looked for ${keyring})`, {
    next: `Name the file that has them: DSTATE_KEYRINGS="${name}=FILE".`,
  });
}

/** What went wrong at a distribution's place, with what a user can do about it. */
export function atPlace(error: unknown, name: DistributionName, mirror: string): unknown {
  if (!(error instanceof InfraError)) return error;
  const { title, format } = distribution(name);
  const file = {
    apt: "deb:./linux-image.deb",
    rpm: "rpm:./kernel-core.rpm",
    apk: "apk:./linux-lts.apk",
    arch: "arch:./linux.pkg.tar.zst",
  };
  return new InfraError(`${title}'s kernels cannot be had from ${mirror}: ${messageOf(error)}`, {
    next: `Name another place or its keys: DSTATE_MIRRORS="${name}=URL", DSTATE_KEYRINGS="${name}=FILE"; or a file that you have: ${file[format]}.`,
    cause: error,
  });
}

/** Where a repository really is. */
async function rootOf(
  { mirrorList, format }: Distribution,
  root: string,
  { mirror, dir, signal }: { readonly mirror: string; readonly dir: string; readonly signal: AbortSignal },
): Promise<string> {
  // The suites of an archive have their packages at its root.
  if (format === "apt") return mirror;
  if (mirrorList === undefined) return root;
  const to = join(dir, mirrorList);
  if ((await download(`${root}/${mirrorList}`, { to, signal })).type === "missing") return root;
  const [first = ""] = (await readFile(to, "utf8")).split("\n");
  return /^https?:\/\/\S+$/.test(first) ? first.replace(/\/+$/, "") : root;
}

async function readAptSuite(place: IndexPlace, suite: string): Promise<IndexedPackage[] | undefined> {
  const { root, dir, signal, keyring, wants } = place;
  const opened = await openSuite(`${root}/dists/${suite}`, { dir, signal, keyring, expired: "refuse" });
  const text = await opened?.read(`main/binary-${guestPlatform.debianArchitecture}/Packages`);
  return (
    (text &&
      stanzasOfPackages(text, "linux-").flatMap((stanza): IndexedPackage[] => {
        const [name, version, file, sha256] = ["package", "version", "filename", "sha256"].map((field) =>
          stanza.get(field),
        );
        if (!name || !version || !file || !sha256 || !wants(name)) return [];
        return [{ name, version, url: `${root}/${file}`, check: { type: "sha256", sha256 } }];
      })) ||
    undefined
  );
}
