import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { dataOf } from "./sparse-file.ts";

/** Bytes. In pieces of 64 KiB, as a stream of Node's reads, a large file takes three times as long. */
const piece = 1024 ** 2;

/** Bytes. To wait for a small file takes longer than to read it. */
const small = 64 * 1024;

/** Bytes of holes that are worth a process that finds them. */
const manyHoles = 256 * piece;

/** The sha256 of a file, read in pieces. */
export async function sha256OfFile(path: string): Promise<string> {
  const first = Buffer.allocUnsafe(small);
  const { length, size, holes } = readStart(path, first);
  if (holes >= manyHoles) {
    // Whatever is in the way there, all of it can be read.
    const known = await sha256OfData(path, size).catch(() => undefined);
    if (known !== undefined) return known;
  }
  const hash = createHash("sha256");
  hash.update(first.subarray(0, length));
  if (length < small) return hash.digest("hex");
  await using file = await open(path);
  const buffer = Buffer.allocUnsafe(piece);
  for (let at = length; ; ) {
    const { bytesRead } = await file.read(buffer, 0, piece, at);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** The same of a file with holes, which are not read. */
async function sha256OfData(path: string, size: number): Promise<string> {
  const hash = createHash("sha256");
  const zeros = Buffer.alloc(piece);
  let end = 0;
  const fill = async (to: number): Promise<void> => {
    if (to < end) throw new RangeError("data lies before data");
    for (let count = 0; end < to; count += 1) {
      hash.update(zeros.subarray(0, Math.min(piece, to - end)));
      end += Math.min(piece, to - end);
      // Others want to be heard of, too.
      if (count % 16 === 15) await setImmediate();
    }
  };
  for await (const { at, data } of dataOf(path)) {
    await fill(at);
    hash.update(data);
    end += data.length;
  }
  await fill(size);
  if (end !== size) throw new RangeError("the file has changed meanwhile");
  return hash.digest("hex");
}

/** Fill a buffer from a file's start. @returns how much there was, and what of the file takes no room on the disk. */
function readStart(
  path: string,
  buffer: Buffer,
): { readonly length: number; readonly size: number; readonly holes: number } {
  const file = openSync(path, "r");
  try {
    const { size, blocks } = fstatSync(file);
    let length = 0;
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, length);
      length += read;
      if (read === 0 || length === buffer.length) return { length, size, holes: size - blocks * 512 };
    }
  } finally {
    closeSync(file);
  }
}
