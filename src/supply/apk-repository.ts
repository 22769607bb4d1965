import { createHash, createVerify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseTar } from "nanotar";
import { InfraError, messageOf } from "../base/errors.ts";
import { download } from "./download.ts";
import { gzipMembers } from "./gzip-members.ts";
import type { IndexedPackage, IndexPlace } from "./package-index.ts";

/** A signature's digest, by the beginning of its name in an index. */
const digests = { ".SIGN.RSA256.": "sha256", ".SIGN.RSA.": "sha1" } as const;

/**
 * The packages of a repository of apk. Its index is signed by a key of the folder; it has the sha1 of each package's
 * list of facts, which has the sha256 of the package's files.
 *
 * @returns undefined when there is no repository.
 * @throws {UnreachableError} when the place is out of reach.
 * @throws {InfraError} when the signature is wrong, or its key is not there.
 * @see https://wiki.alpinelinux.org/wiki/Apk_spec
 */
export async function readApkRepository(place: IndexPlace): Promise<IndexedPackage[] | undefined> {
  const { root, dir, signal, keyring, wants } = place;
  const [at, to] = [`${root}/APKINDEX.tar.gz`, join(dir, "APKINDEX.tar.gz")];
  if ((await download(at, { to, signal })).type === "missing") return undefined;
  const bytes = await readFile(to);
  const { members, rest } = split(bytes, at, 1);
  const signature = fileOf(members[0]?.data, (name) => name.startsWith(".SIGN."));
  const kind = Object.entries(digests).find(([start]) => signature?.name.startsWith(start));
  if (!signature || !kind) throw new InfraError(`${at} is not signed: nobody vouches for what it lists`);
  await verify(rest, signature.data, {
    what: at,
    digest: kind[1],
    keyring,
    key: signature.name.slice(kind[0].length),
  });
  const index = fileOf(split(rest, at, 1).members[0]?.data, (name) => name === "APKINDEX");
  if (!index) throw new InfraError(`${at} has no list of packages`);
  return parseApkIndex(Buffer.from(index.data).toString("utf8"), root, wants);
}

/** The packages of an index that are asked for. */
export function parseApkIndex(
  text: string,
  root: string,
  wants: (name: string) => boolean,
): IndexedPackage[] {
  return text.split("\n\n").flatMap((stanza) => {
    const field = (letter: string): string | undefined =>
      new RegExp(`^${letter}:(.*)$`, "m").exec(stanza)?.[1];
    const [name, version, sum] = [field("P"), field("V"), field("C")];
    const isPlain = [name, version].every((text) => text !== undefined && /^[\w.+~-]+$/.test(text));
    if (!name || !version || !isPlain || !sum?.startsWith("Q1") || !wants(name)) return [];
    const control = Buffer.from(sum.slice(2), "base64").toString("hex");
    return [{ name, version, url: `${root}/${name}-${version}.apk`, check: { type: "apk", control } }];
  });
}

/**
 * Check a package against what the signed index says of it.
 *
 * @throws {InfraError} when it is another one, or broken.
 */
export async function verifyApk(path: string, control: string, what: string): Promise<void> {
  const { members, rest } = split(await readFile(path), what, 2);
  const facts = members[1];
  const sha1 = createHash("sha1")
    .update(facts?.packed ?? "")
    .digest("hex");
  if (sha1 !== control) throw notExpected(what);
  const info = fileOf(facts?.data, (name) => name === ".PKGINFO");
  const text = info ? Buffer.from(info.data).toString("utf8") : "";
  const [, expected] = /^datahash = ([0-9a-f]{64})$/m.exec(text) ?? [];
  if (createHash("sha256").update(rest).digest("hex") !== expected) throw notExpected(what);
}

async function verify(
  signed: Buffer,
  signature: Uint8Array,
  { what, digest, keyring, key }: { what: string; digest: string; keyring: string; key: string },
): Promise<void> {
  if (!/^[\w.@-]+$/.test(key)) throw new InfraError(`the key of ${what} has a name that none can have`);
  const path = join(keyring, key);
  const pem = await readFile(path).catch(() => undefined);
  if (!pem) {
    throw new InfraError(`the key ${key}, which signed ${what}, is not there (looked for ${path})`, {
      next: "Get it from the distribution's package alpine-keys, and name the folder: DSTATE_KEYRINGS=alpine=/folder.",
    });
  }
  let isGood = false;
  try {
    isGood = createVerify(digest).update(signed).verify(pem, signature);
  } catch (error) {
    throw new InfraError(`${path} is no key: ${messageOf(error)}`, { cause: error });
  }
  if (!isGood) {
    throw new InfraError(`the signature of ${what} is bad`, {
      next: "Use another mirror; nothing was taken from there.",
    });
  }
}

function split(bytes: Buffer, what: string, count: number): ReturnType<typeof gzipMembers> {
  try {
    return gzipMembers(bytes, count);
  } catch (error) {
    throw new InfraError(`${what} cannot be read: ${messageOf(error)}`, {
      next: "It may be cut short: get it again.",
      cause: error,
    });
  }
}

function fileOf(
  tar: Buffer | undefined,
  fits: (name: string) => boolean,
): { name: string; data: Uint8Array } | undefined {
  // It reads all of the memory that a buffer is part of: a copy is all of its own.
  const found = tar && parseTar(new Uint8Array(tar)).find(({ name }) => fits(name));
  return found?.data ? { name: found.name, data: found.data } : undefined;
}

function notExpected(what: string): InfraError {
  return new InfraError(`${what} is not the file expected: it is not what the signed index says`, {
    next: "Try again; if it stays so, use another mirror.",
  });
}
