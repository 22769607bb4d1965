import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { UsageError } from "../base/errors.ts";
import { FilterError, filter } from "../base/filter.ts";

/** How a log is packed. */
export type Compression = "gzip" | "xz" | "zstd" | "bzip2" | "lz4";

/**
 * The first bytes of each format, and who unpacks it: Node's own zlib, or a program of the host. Node has zstd, too,
 * but stops silently after the first of several frames.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1952 (gzip)
 * @see https://www.rfc-editor.org/rfc/rfc8878 (zstd)
 * @see https://tukaani.org/xz/xz-file-format.txt
 */
const formats: Readonly<
  Record<
    Compression,
    { readonly magic: readonly string[]; readonly program?: readonly [string, ...string[]]; package?: string }
  >
> = {
  gzip: { magic: ["1f8b08"] },
  zstd: { magic: ["28b52ffd"], program: ["zstd", "-dcq"], package: "zstd" },
  xz: { magic: ["fd377a585a00"], program: ["xz", "-dc"], package: "xz-utils" },
  bzip2: { magic: ["425a68"], program: ["bzip2", "-dc"], package: "bzip2" },
  // The second one is that of the frames that kernels and initramfs images are packed in.
  lz4: { magic: ["04224d18", "02214c18"], program: ["lz4", "-dc"], package: "lz4" },
};

/** How many first bytes {@link compressionOf} wants to see. */
export const magicLength = 10;

/**
 * How data is packed, by its first bytes; undefined: it is not.
 *
 * @example compressionOf(Buffer.from("1f8b08", "hex")) // "gzip"
 */
export function compressionOf(head: Uint8Array): Compression | undefined {
  const hex = Buffer.from(head.subarray(0, magicLength)).toString("hex");
  for (const [name, { magic }] of Object.entries(formats) as [Compression, (typeof formats)[Compression]][]) {
    if (!magic.some((bytes) => hex.startsWith(bytes))) continue;
    // "BZh" can begin a text; a block of bzip2 begins with the digits of pi.
    if (name === "bzip2" && !/^425a683[1-9](?:314159265359|177245385090)/.test(hex)) continue;
    return name;
  }
  return undefined;
}

/**
 * Unpack a stream piece by piece.
 *
 * @throws {UsageError} when the data is damaged or cut short.
 * @throws {InfraError} when the program that unpacks it is not installed.
 */
export async function* decompress(
  compression: Compression,
  packed: Readable,
  options: { readonly name: string; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { program, package: from } = formats[compression];
  try {
    if (program) {
      const install = `Install it: \`apt-get install ${from}\`, or unpack the log yourself.`;
      yield* filter(program, packed, { signal: options.signal, install });
      return;
    }
    // An error of the source reaches the unpacked stream as well.
    for await (const chunk of pipeline(packed, createGunzip(), () => {})) yield chunk as Uint8Array;
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof FilterError || isZlibError(error)) {
      const [said] = (error instanceof FilterError ? error.said : error.message).split("\n");
      throw new UsageError(
        `${options.name} is damaged: its ${compression} data cannot be unpacked (${said})`,
        {
          next: "Fetch the file again, or unpack what can be saved and read that.",
          cause: error,
        },
      );
    }
    throw error;
  }
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && `${error.code}`.startsWith("Z_");
}
