import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { createTar, type ParsedTarFileItem, parseTar } from "nanotar";
import { InfraError } from "../base/errors.ts";

/** Bytes that the evidence of a trial may take in a database, and in a registry. */
export const mostInDatabase = 4 * 1024 ** 2;
export const mostInRegistry = 64 * 1024 ** 2;

/** What it may unpack to, whatever it says. */
const mostUnpacked = 256 * 1024 ** 2;

/** A page can be made again, a machine's memory is of no use elsewhere, and a kept machine holds the keys to itself. */
const left = /(?:^|\/)(?:index\.html$|guest-memory\.kdump-zlib$|run\.json\.|(?:kept|kept\.draft|attached)\/)/;

/** What would be another's where it comes to: the trial is one of a run there. */
const renamed: Readonly<Record<string, string>> = { "run.json": "worker-run.json" };

/** A file that was too large to be taken along. */
export interface LeftFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Make one file of a trial's folder, the smallest files first: what is large stays where it is, and is named.
 *
 * @param most bytes that it may weigh.
 */
export async function packEvidence(
  dir: string,
  most: number,
): Promise<{ readonly bytes: Buffer; readonly left: readonly LeftFile[] }> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
      .filter((path) => !left.test(path))
      .map(async (path) => ({ path, bytes: (await stat(join(dir, path))).size })),
  );
  const taken: { path: string; data: Buffer }[] = [];
  const tooLarge: LeftFile[] = [];
  let room = most;
  for (const file of files.sort((a, b) => a.bytes - b.bytes)) {
    // Text packs to a tenth of itself; what could not fit even then is not read.
    const data = file.bytes > mostUnpacked / 4 ? undefined : await readFile(join(dir, file.path));
    const packed = data === undefined ? Number.POSITIVE_INFINITY : gzipSync(data).length + 600;
    if (data === undefined || packed > room) tooLarge.push(file);
    else {
      room -= packed;
      taken.push({ path: file.path, data });
    }
  }
  const attrs = { mtime: 0, uid: 0, gid: 0 };
  const names = taken.sort((a, b) => (a.path < b.path ? -1 : 1));
  const bytes = gzipSync(
    createTar(names.map(({ path, data }) => ({ name: renamed[path] ?? path, data, attrs }))),
  );
  return { bytes, left: tooLarge };
}

/**
 * Unpack it into a folder. It is another host's file: it holds plain files below the folder, or it is refused.
 *
 * @throws {InfraError} when it is none, before anything is written.
 */
export async function unpackEvidence(bytes: Uint8Array, dir: string): Promise<void> {
  let files: ParsedTarFileItem[];
  try {
    // A copy: nanotar reads the whole memory that a small buffer of Node's is a part of.
    files = parseTar(new Uint8Array(gunzipSync(bytes, { maxOutputLength: mostUnpacked })));
  } catch (cause) {
    throw new InfraError("the evidence that came is no archive", { cause });
  }
  for (const { name, type } of files)
    if (type !== "file" || !isPlainPath(name))
      throw new InfraError("the evidence that came has more in it than files");
  for (const { name, data } of files) {
    const to = join(dir, name);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, data ?? new Uint8Array());
  }
}

function isPlainPath(path: string): boolean {
  return (
    path !== "" &&
    !path.startsWith("/") &&
    !/\0/.test(path) &&
    !path.split("/").some((part) => part === ".." || part === "")
  );
}
