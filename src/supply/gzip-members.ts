import { inflateRawSync } from "node:zlib";
import { z } from "zod";

/** One of several gzip files in a row: where it is, and what it unpacks to. */
export interface GzipMember {
  readonly packed: Buffer;
  readonly data: Buffer;
}

const inflated = z.object({
  buffer: z.instanceof(Buffer),
  engine: z.object({ bytesWritten: z.int().nonnegative() }),
});

/** More than this is no signature and no list of a package. */
const mostBytes = 256 * 1024 ** 2;

/**
 * The first gzip files of several in a row, as apk's packages and indexes are made.
 *
 * @param count how many; the rest is not unpacked.
 * @throws {Error} when there are not as many, or one of them is broken.
 * @see https://www.rfc-editor.org/rfc/rfc1952 (2.2: members)
 */
export function gzipMembers(bytes: Buffer, count: number): { members: GzipMember[]; rest: Buffer } {
  const members: GzipMember[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    const header = headerLength(bytes, at);
    const result = inflateRawSync(bytes.subarray(at + header), { info: true, maxOutputLength: mostBytes });
    const { buffer, engine } = inflated.parse(result);
    // A checksum and a length follow.
    const end = at + header + engine.bytesWritten + 8;
    if (end > bytes.length) throw new Error("it is cut short");
    members.push({ packed: bytes.subarray(at, end), data: buffer });
    at = end;
  }
  return { members, rest: bytes.subarray(at) };
}

function headerLength(bytes: Buffer, start: number): number {
  if (bytes.length < start + 18 || bytes.readUInt16BE(start) !== 0x1f8b || bytes[start + 2] !== 8)
    throw new Error("it is no gzip file");
  const flags = bytes[start + 3] ?? 0;
  let at = start + 10;
  if (flags & 4) at += 2 + bytes.readUInt16LE(at);
  for (const flag of [8, 16]) if (flags & flag) at = bytes.indexOf(0, at) + 1;
  if (flags & 2) at += 2;
  return at - start;
}
