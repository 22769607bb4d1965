import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdCompress } from "node:zlib";
import { filter } from "../../base/filter.ts";
import { parseJson } from "../../base/parse-json.ts";
import { manifestSchema } from "../../base/store-manifest.ts";
import {
  aboutType,
  type Descriptor,
  type EntryAbout,
  entryType,
  filesType,
  manifestType,
  mostManifest,
} from "./artifact.ts";
import { readAtMost } from "./body.ts";
import { type RegistryClient, RegistryError } from "./client.ts";

export interface PushOptions {
  readonly signal: AbortSignal;
  /** A folder for what is packed, on the cache's disk. */
  readonly temporary: string;
}

/**
 * Give a registry an entry, unless it has one under this name.
 *
 * @param tags names of it; the first is its own.
 * @returns whether it was given, and not there already, and the digest by which it is known.
 * @throws {RegistryError} when the registry does not take it.
 */
export async function pushEntry(
  client: RegistryClient,
  kind: string,
  tags: readonly string[],
  dir: string,
  { signal, temporary }: PushOptions,
): Promise<{ readonly given: boolean; readonly digest: string }> {
  const [own = ""] = tags;
  const there = await manifestThere(client, own);
  if (there !== undefined) return { given: false, digest: there };
  const manifest = manifestSchema.parse(parseJson(await readFile(join(dir, "manifest.json"), "utf8")));
  const about = Buffer.from(JSON.stringify({ kind, ...manifest } satisfies EntryAbout));
  const packed = join(temporary, `.packed-${randomUUID()}`);
  try {
    const layer = await pack(dir, packed, signal);
    const config = { mediaType: aboutType, digest: digestOf(about), size: about.length };
    await give(client, config, new Uint8Array(about));
    await give(client, layer, { file: packed });
    const image = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        artifactType: entryType,
        config,
        layers: [layer],
        annotations: { "org.opencontainers.image.title": manifest.key },
      }),
    );
    for (const tag of tags)
      await client.ask({
        method: "PUT",
        url: client.at(`manifests/${tag}`),
        headers: { "content-type": manifestType },
        body: new Uint8Array(image),
        accept: [201],
      });
    return { given: true, digest: digestOf(image) };
  } finally {
    await rm(packed, { force: true });
  }
}

/** The digest of the manifest that a tag names; undefined: there is no such tag. */
async function manifestThere(client: RegistryClient, tag: string): Promise<string | undefined> {
  const answer = await client.ask({
    method: "GET",
    url: client.at(`manifests/${tag}`),
    headers: { accept: manifestType },
    accept: [200, 404],
  });
  if (answer.status === 404) {
    await answer.body?.cancel();
    return undefined;
  }
  return digestOf(await readAtMost(answer, mostManifest));
}

async function hasBlob(client: RegistryClient, digest: string): Promise<boolean> {
  const answer = await client.ask({
    method: "HEAD",
    url: client.at(`blobs/${digest}`),
    accept: [200, 404],
    redirects: true,
  });
  await answer.body?.cancel();
  return answer.status === 200;
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#post-then-put */
async function give(
  client: RegistryClient,
  { digest }: Descriptor,
  body: Uint8Array<ArrayBuffer> | { readonly file: string },
): Promise<void> {
  if (await hasBlob(client, digest)) return;
  const begun = await client.ask({
    method: "POST",
    url: client.at("blobs/uploads/"),
    headers: { "content-length": "0" },
    accept: [202],
  });
  await begun.body?.cancel();
  const place = begun.headers.get("location") ?? "";
  const own = client.at("");
  if (place === "" || !URL.canParse(place, own.href))
    throw new RegistryError("refused", `${own.origin} does not say where to upload to`);
  const url = new URL(place, own.href);
  // With what we send goes who we are.
  if (url.origin !== own.origin)
    throw new RegistryError("refused", `${own.origin} wants uploads to go to ${url.origin}`);
  url.searchParams.set("digest", digest);
  const done = await client.ask({
    method: "PUT",
    url,
    headers: { "content-type": "application/octet-stream" },
    body,
    accept: [201],
  });
  await done.body?.cancel();
}

async function pack(dir: string, to: string, signal: AbortSignal): Promise<Descriptor> {
  const argv: [string, ...string[]] = [
    "tar",
    "--create",
    "--file=-",
    // Images have holes, and stay small with them.
    "--sparse",
    "--sort=name",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--exclude=./manifest.json",
    `--directory=${dir}`,
    ".",
  ];
  const hash = createHash("sha256");
  let size = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const packed = filter(argv, Readable.from([]), { signal, install: "Install tar." });
  await pipeline(packed, createZstdCompress(), count, createWriteStream(to), { signal });
  return { mediaType: filesType, digest: `sha256:${hash.digest("hex")}`, size };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
