import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { command } from "../base/command.ts";
import { InfraError, messageOf } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { download } from "./download.ts";
import type { IndexedPackage, IndexPlace } from "./package-index.ts";
import { verifyDetached } from "./signature.ts";

/** More than this is no index. */
const mostBytes = 2 ** 29 - 64;

/**
 * The packages of an rpm repository. Every byte is vouched for: `repomd.xml` by the signature beside it, the index by the
 * sha256 in it, each package by the index.
 *
 * @returns undefined when there is no repository.
 * @throws {UnreachableError} when the place is out of reach.
 * @throws {InfraError} when a signature or a hash is wrong, or there is none.
 * @see https://github.com/rpm-software-management/createrepo_c/blob/master/doc/createrepo_c.8
 */
export async function readRpmRepository(place: IndexPlace): Promise<IndexedPackage[] | undefined> {
  const { root, dir, signal, keyring, wants } = place;
  const [list, signature] = [join(dir, "repomd.xml"), join(dir, "repomd.xml.asc")];
  const at = `${root}/repodata/repomd.xml`;
  if ((await download(at, { to: list, signal })).type === "missing") return undefined;
  if ((await download(`${at}.asc`, { to: signature, signal })).type === "missing") {
    throw new InfraError(`${at} is not signed: nobody vouches for what it lists`, {
      next: "Use a repository with a repomd.xml.asc; or get the packages, check them with rpm, and name the files: rpm:./kernel-core.rpm.",
    });
  }
  await verifyDetached(list, signature, { what: at, keyring, dir, signal });
  const primary = parseRepomd(await readFile(list, "utf8"));
  if (!primary) throw new InfraError(`${at} names no index of packages with a sha256`);
  const url = `${root}/${primary.href}`;
  const to = join(dir, "primary");
  if ((await download(url, { to, signal, sha256: primary.sha256 })).type === "missing") {
    throw new InfraError(`${url} is missing although the signed repomd.xml lists it`, {
      next: "The mirror may be in the middle of an update: try again in some minutes.",
    });
  }
  return parsePrimary(await unpackText(to, primary.href, signal), root, wants);
}

/** Where a repository's list of packages is, and its sha256, by its repomd.xml. */
export function parseRepomd(xml: string): { href: string; sha256: string } | undefined {
  const data = /<data\s+type="primary"[\s\S]*?<\/data>/.exec(xml)?.[0] ?? "";
  const sha256 = /<checksum\s+type="sha256"\s*>\s*([0-9a-f]{64})\s*</.exec(data)?.[1];
  const href = /<location\s[^>]*href="([^"]+)"/.exec(data)?.[1];
  return sha256 && href && isBelow(href) ? { href, sha256 } : undefined;
}

/** The packages that are asked for; of the others, tens of thousands, nothing but their names is looked at. */
export function parsePrimary(xml: string, root: string, wants: (name: string) => boolean): IndexedPackage[] {
  const found: IndexedPackage[] = [];
  for (let at = xml.indexOf("<package "); at >= 0; ) {
    const end = xml.indexOf("</package>", at);
    const name = /<name>([^<]+)<\/name>/.exec(xml.slice(at, at + 400))?.[1];
    if (name !== undefined && wants(name)) {
      const one = xml.slice(at, end < 0 ? undefined : end);
      const [, version, release] = /<version\s[^>]*ver="([^"]+)"[^>]*rel="([^"]+)"/.exec(one) ?? [];
      const sha256 = /<checksum\s+type="sha256"[^>]*>\s*([0-9a-f]{64})\s*</.exec(one)?.[1];
      const href = /<location\s[^>]*href="([^"]+)"/.exec(one)?.[1];
      if (version && release && sha256 && href && isBelow(href)) {
        const check = { type: "sha256", sha256 } as const;
        found.push({ name, version: `${version}-${release}`, url: `${root}/${href}`, check });
      }
    }
    at = end < 0 ? -1 : xml.indexOf("<package ", end);
  }
  return found;
}

function isBelow(href: string): boolean {
  return !/^[a-z]+:|^\/|(^|\/)\.\.(\/|$)/i.test(href);
}

async function unpackText(path: string, name: string, signal: AbortSignal): Promise<string> {
  const options = { maxOutputLength: mostBytes };
  try {
    if (name.endsWith(".gz")) return gunzipSync(await readFile(path), options).toString("utf8");
    if (name.endsWith(".zst")) return zstdDecompressSync(await readFile(path), options).toString("utf8");
  } catch (error) {
    throw new InfraError(`${name} cannot be unpacked: ${messageOf(error)}`, { cause: error });
  }
  if (!name.endsWith(".xz")) return await readFile(path, "utf8");
  const install = "Install xz-utils: `dstate setup`.";
  const { stdout } = await command(["xz", "-dc", path], { within: timeouts.host.files, signal, install });
  return stdout;
}
