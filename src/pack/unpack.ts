import { readFile, stat } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { type ParsedTarFileItem, parseTar } from "nanotar";
import { messageOf, UsageError } from "../base/errors.ts";
import { hashOf, idOf, type Manifest, manifestSchema } from "./manifest.ts";
import { mostPacked } from "./pack.ts";

/** A pack that was read and is whole. */
export interface Pack {
  readonly id: string;
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** More than this a pack does not unpack to, whatever it says. */
const mostUnpacked = 256 * 1024 ** 2;

/**
 * Read a pack. It is somebody else's file: nothing in it is believed before it is checked, and every file of it has to
 * be what its manifest says.
 *
 * @throws {UsageError} when it is no pack, was changed, or is too large.
 */
export async function readPack(path: string): Promise<Pack> {
  const size = (await stat(path).catch(() => undefined))?.size;
  if (size === undefined) throw new UsageError(`there is no file ${path}`);
  if (size > mostPacked) throw new UsageError(`${path} is larger than any pack`);
  return unpack(await readFile(path), path);
}

/** The same of bytes. */
export function unpack(bytes: Uint8Array, name: string): Pack {
  const refuse = (why: string): UsageError =>
    new UsageError(`${name} is not a pack that can be used: ${why}`);
  let entries: ParsedTarFileItem[];
  try {
    // A copy: nanotar reads the whole memory that a small buffer of Node's is a part of.
    entries = parseTar(new Uint8Array(gunzipSync(bytes, { maxOutputLength: mostUnpacked })));
  } catch (error) {
    throw refuse(messageOf(error));
  }
  const [first, ...rest] = entries;
  if (first?.name !== "manifest.json") throw refuse("it has no manifest");
  const parsed = manifestSchema.safeParse(parse(first.text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refuse(`its manifest: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const manifest = parsed.data;
  const files = new Map<string, Uint8Array>();
  for (const { name: path, type, data } of rest) {
    if (type !== "file") throw refuse(`${path} is no plain file`);
    const told = manifest.files[path];
    if (told === undefined || files.has(path)) throw refuse(`its manifest does not have ${path}`);
    const content = data ?? new Uint8Array();
    if (content.length !== told.bytes || hashOf(content) !== told.sha256) throw refuse(`${path} was changed`);
    files.set(path, content);
  }
  const missing = Object.keys(manifest.files).find((path) => !files.has(path));
  if (missing !== undefined) throw refuse(`${missing} is missing`);
  if (!files.has(`repro/${manifest.definition}`)) throw refuse("the file that defines its repro is missing");
  return { id: idOf(first.text), manifest, files };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
