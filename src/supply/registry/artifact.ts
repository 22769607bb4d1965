import { createHash } from "node:crypto";
import { z } from "zod";
import { fileRecordSchema } from "../../base/store-manifest.ts";

/** What an entry of dstate's cache is called in a registry; counts up when an older dstate could not read it. */
export const entryType = "application/vnd.dstate.cache.entry.v1";
/** {@link entryAboutSchema} as JSON. */
export const aboutType = "application/vnd.dstate.cache.about.v1+json";
/** Its files: a tar of GNU's, for images have holes. */
export const filesType = "application/vnd.dstate.cache.files.v1.tar+zstd";

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md */
export const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** Larger than this is no manifest; registries have the same bound. */
export const mostManifest = 4 * 1024 ** 2;

const descriptorSchema = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int().nonnegative(),
});
export type Descriptor = z.infer<typeof descriptorSchema>;

/** An image manifest as far as it is read; whether it is one of ours is a question of its own. */
export const imageManifestSchema = z.object({
  schemaVersion: z.literal(2),
  artifactType: z.string().optional(),
  config: descriptorSchema,
  layers: z.array(descriptorSchema),
});

/** dstate's own manifest of an entry: what every file must be. */
export const entryAboutSchema = z.object({
  /** The cache that it belongs to, such as `kernels`. */
  kind: z.string(),
  key: z.string(),
  createdAt: z.iso.datetime(),
  about: z.unknown(),
  files: z.array(fileRecordSchema).max(200_000),
});
export type EntryAbout = z.infer<typeof entryAboutSchema>;

/**
 * The name of an entry in a repository.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests
 * @example tagOf("kernels", "6.1.115-888386aeb7dfa29f7c90") // "kernels.6.1.115-888386aeb7dfa29f7c90"
 */
export function tagOf(kind: string, key: string): string {
  const tag = `${kind}.${key}`;
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag)
    ? tag
    : `${kind}.${createHash("sha256").update(key).digest("hex")}`;
}

/** Whether a path stays in its folder. */
export function isInside(path: string): boolean {
  return path !== "" && !path.startsWith("/") && !path.includes("\0") && !path.split("/").includes("..");
}
