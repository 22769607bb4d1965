import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { requireDiskRoom } from "../../base/disk-room.ts";
import { filter } from "../../base/filter.ts";
import { parseJson } from "../../base/parse-json.ts";
import { describeFiles } from "../../base/store.ts";
import type { FileRecord, PulledEntry } from "../../base/store-manifest.ts";
import {
  aboutType,
  type Descriptor,
  type EntryAbout,
  entryAboutSchema,
  entryType,
  filesType,
  imageManifestSchema,
  isInside,
  manifestType,
  mostManifest,
} from "./artifact.ts";
import { readAtMost, saveBody } from "./body.ts";
import { type RegistryClient, RegistryError } from "./client.ts";

/** More than this is no entry of a cache. */
const mostBytes = 64 * 1024 ** 3;

export interface PullOptions {
  readonly signal: AbortSignal;
  /** Told of what has come so far, between 0 and 1. */
  readonly onShare?: ((share: number) => void) | undefined;
  /** What the manifest's digest has to be, where that is known. */
  readonly digest?: string | undefined;
  /** Bytes of all files at the most. */
  readonly most?: number | undefined;
}

/**
 * Fetch an entry into a folder. Nothing of it is looked at before its digest is what the manifest says, and nothing is
 * used before every file is what dstate's own manifest says.
 *
 * @param tag or a digest.
 * @param dir an empty folder; what is in it after a failure is to be removed.
 * @returns undefined when the registry has none under this name.
 * @throws {RegistryError} when what it has is not to be used.
 */
export async function pullEntry(
  client: RegistryClient,
  kind: string,
  tag: string,
  dir: string,
  options: PullOptions,
): Promise<PulledEntry | undefined> {
  const refuse = (why: string): RegistryError => new RegistryError("refused", `its "${tag}" ${why}`);
  const answer = await client.ask({
    method: "GET",
    url: client.at(`manifests/${tag}`),
    headers: { accept: manifestType },
    accept: [200, 404],
  });
  const text = await readShort(answer, mostManifest, refuse);
  if (answer.status === 404) return undefined;
  const found = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  if (options.digest !== undefined && found !== options.digest)
    throw refuse(`has another manifest than was asked for: its digest is ${found}`);
  const manifest = imageManifestSchema.safeParse(parseJson(text.toString()));
  if (!manifest.success) throw refuse("has a manifest that is none");
  const { artifactType, config, layers } = manifest.data;
  const [layer, ...more] = layers;
  if (artifactType !== entryType || config.mediaType !== aboutType)
    throw refuse(
      `is of another version of dstate, or of something else: ${artifactType ?? config.mediaType}`,
    );
  if (layer?.mediaType !== filesType || more.length > 0) throw refuse("has other layers than it should have");
  const about = await readAbout(client, config, refuse);
  if (about.kind !== kind) throw refuse(`is of the cache "${about.kind}", not of "${kind}"`);
  const total = about.files.reduce((sum, { size }) => sum + size, 0);
  const most = options.most ?? mostBytes;
  if (total > most || layer.size > most + mostManifest) throw refuse("is larger than anything of its kind");
  await requireDiskRoom(dir, {
    bytes: layer.size * 2,
    for: `what the registry has of ${about.key}`,
    next: "Free some disk space, or set DSTATE_CACHE to a larger disk.",
  });
  const packed = join(dir, ".packed");
  await save(client, layer, packed, options, refuse);
  const tree = join(dir, ".tree");
  await mkdir(tree);
  await unpack(packed, tree, total + 1024 * (about.files.length + 1024) * 4, options.signal, refuse);
  await rm(packed);
  const files = await checkedFiles(tree, about.files, refuse);
  for (const name of await readdir(tree)) await rename(join(tree, name), join(dir, name));
  await rm(tree, { recursive: true });
  return { key: about.key, createdAt: about.createdAt, about: about.about, files };
}

type Refuse = (why: string) => RegistryError;

async function readShort(answer: Response, most: number, refuse: Refuse): Promise<Buffer> {
  try {
    return await readAtMost(answer, most);
  } catch (error) {
    if (error instanceof RangeError) throw refuse(`has a manifest of more than ${most} bytes`);
    throw error;
  }
}

async function readAbout(client: RegistryClient, config: Descriptor, refuse: Refuse): Promise<EntryAbout> {
  if (config.size > mostManifest * 8) throw refuse("says more of itself than anything of dstate's");
  const answer = await blob(client, config);
  const bytes = await readShort(answer, config.size, refuse);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (bytes.length !== config.size || digest !== config.digest)
    throw refuse(`says of itself what it did not say: expected ${config.digest}, found ${digest}`);
  const parsed = entryAboutSchema.safeParse(parseJson(bytes.toString()));
  if (!parsed.success) throw refuse("says of itself what no dstate says");
  if (!parsed.data.files.every(({ path }) => isInside(path)) || !/^[\w][\w.+~-]*$/.test(parsed.data.key))
    throw refuse("has files outside of it");
  return parsed.data;
}

async function blob(client: RegistryClient, { digest }: Descriptor): Promise<Response> {
  return await client.ask({
    method: "GET",
    url: client.at(`blobs/${digest}`),
    // Packed again on the way, its length would say nothing.
    headers: { "accept-encoding": "identity" },
    accept: [200],
    redirects: true,
  });
}

async function save(
  client: RegistryClient,
  layer: Descriptor,
  to: string,
  { signal, onShare }: PullOptions,
  refuse: Refuse,
): Promise<void> {
  const answer = await blob(client, layer);
  const saved = await saveBody(answer, to, {
    size: layer.size,
    signal,
    onBytes: (bytes) => onShare?.(bytes / Math.max(1, layer.size)),
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof RangeError) throw refuse(error.message);
    // fetch() has only this for a connection that broke off.
    if (error instanceof TypeError) throw refuse(`broke off: ${error.message}`);
    throw error;
  });
  if (saved.bytes < layer.size) throw refuse(`broke off after ${saved.bytes} of ${layer.size} bytes`);
  if (`sha256:${saved.sha256}` !== layer.digest)
    throw refuse(`was changed: its sha256 is ${saved.sha256}, not ${layer.digest.slice("sha256:".length)}`);
}

/** Unpack, but no more than the files may have together: a small file can hold any number of zeros. */
async function unpack(
  packed: string,
  to: string,
  most: number,
  signal: AbortSignal,
  refuse: Refuse,
): Promise<void> {
  let bytes = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > most) done(refuse("holds more than it says"));
      else done(null, chunk);
    },
  });
  const source = createReadStream(packed);
  const unzipped = source.pipe(createZstdDecompress({ chunkSize: 256 * 1024 }));
  source.once("error", (error) => unzipped.destroy(error));
  unzipped.once("error", (error) => bounded.destroy(error));
  const input = unzipped.pipe(bounded);
  const argv = [
    "tar",
    "--extract",
    "--file=-",
    "--no-same-owner",
    "--no-same-permissions",
    `--directory=${to}`,
  ];
  for await (const _said of filter(argv as [string, ...string[]], input, {
    signal,
    install: "Install tar.",
  })) {
    // tar says nothing here.
  }
}

/** @throws {RegistryError} when a file is not what it should be, or there is one more or less. */
async function checkedFiles(
  tree: string,
  expected: readonly FileRecord[],
  refuse: Refuse,
): Promise<FileRecord[]> {
  for (const entry of await readdir(tree, { recursive: true, withFileTypes: true }))
    if (!entry.isFile() && !entry.isDirectory() && !entry.isSymbolicLink())
      throw refuse(`has "${entry.name}", which is neither file nor folder`);
  const found = new Map((await describeFiles(tree)).map((file) => [file.path, file]));
  for (const { path, size, sha256 } of expected) {
    const file = found.get(path);
    if (!file) throw refuse(`has no ${path}, which it should have`);
    if (file.size !== size || file.sha256 !== sha256)
      throw refuse(`has another ${path} than it should have: sha256 ${file.sha256}, not ${sha256}`);
  }
  if (found.size !== expected.length) throw refuse("has files that it should not have");
  return [...found.values()];
}
