import type { ImageKind } from "../base/settings.ts";

/** A root file system that machines start from. Each machine writes to a private layer of its own. */
export interface Image {
  readonly id: string;
  readonly kind: ImageKind;
  /** A bare ext4 file system. */
  readonly path: string;
  /** One sentence for reports: what it is and how it differs from what was pinned. */
  readonly provenance: string;
  /** The Node that the image has by itself, with its libuv, where it has one. */
  readonly node?: { readonly version: string; readonly libuv: string } | undefined;
  /** Name and version of each package, where the image knows. */
  readonly packages: Readonly<Record<string, string>>;
}
