import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256OfFile } from "../base/hash-file.ts";
import { keyOf } from "../base/store.ts";
import type { Image } from "../image/image.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { NodeRuntime } from "../runtime/node.ts";
import type { PartsRecord } from "./run-record.ts";

/** What a machine is made from. */
export interface Parts {
  readonly kernel: Kernel;
  readonly image: Image;
  readonly node?: NodeRuntime | undefined;
}

/** Hashes of files by path, size and time: a part takes part in many trials. */
export class FileHashes {
  readonly #known = new Map<string, Promise<string>>();

  async of(path: string): Promise<string> {
    const { size, mtimeMs } = await stat(path);
    const key = `${path} ${size} ${mtimeMs}`;
    const known = this.#known.get(key) ?? sha256OfFile(path);
    this.#known.set(key, known);
    return await known;
  }
}

/** Versions and hashes of everything that a machine is made from. */
export async function describeParts(
  { kernel, image, node }: Parts,
  hashes: FileHashes,
): Promise<PartsRecord> {
  const packages = Object.entries(image.packages).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    kernel: {
      selector: kernel.selector,
      version: kernel.version,
      id: kernel.id,
      provenance: kernel.provenance,
      sha256: await hashes.of(kernel.boot),
      ...(kernel.config === undefined ? {} : { configSha256: await hashes.of(kernel.config) }),
    },
    image: {
      kind: image.kind,
      id: image.id,
      provenance: image.provenance,
      packages: packages.length,
      packagesSha256: createHash("sha256").update(JSON.stringify(packages)).digest("hex"),
    },
    ...(node === undefined
      ? {}
      : {
          node: {
            version: node.version,
            libuv: node.libuv,
            ...(node.npm === undefined ? {} : { npm: node.npm }),
            id: node.id,
            sha256: await hashes.of(join(node.dir, "bin/node")),
          },
        }),
  };
}

/** Names parts among those of a run. */
export function partsKey(parts: PartsRecord): string {
  return keyOf(parts).slice(0, 12);
}
