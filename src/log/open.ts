import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { TextDecoder } from "node:util";
import { UsageError } from "../base/errors.ts";
import { type Compression, compressionOf, decompress, magicLength } from "./decompress.ts";

/** A log that is ready to be read. */
export interface OpenLog {
  /** For messages. */
  readonly name: string;
  readonly compression?: Compression;
  /** What it says, unpacked. A piece holds only until the next one is asked for. */
  readonly chunks: AsyncIterable<Uint8Array | string>;
}

/** Bytes asked for at once: the parser is fastest with pieces that a CPU's caches hold. */
const pieceSize = 128 * 1024;

/**
 * A log file, opened. Packed ones are known by their first bytes, not by their name.
 *
 * @throws {UsageError} when there is no such file, or it cannot be read, or is a folder.
 * @example const log = await openLogFile("kern.log.2.gz", { signal });
 */
export async function openLogFile(path: string, options: { signal: AbortSignal }): Promise<OpenLog> {
  try {
    const file = await open(path);
    if ((await file.stat()).isDirectory()) {
      await file.close();
      throw new UsageError(`${path} is a folder, and a log is a file`);
    }
    return await openLog(path, piecesOf(file, options.signal), options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof Error && "code" in error)) throw error;
    const reasons: Partial<Record<string, string>> = {
      ENOENT: "there is no such file",
      ENOTDIR: "there is no such file",
      EACCES: "you may not read it",
      ELOOP: "its symbolic links go round in circles",
    };
    const why = reasons[`${error.code}`] ?? error.message;
    throw new UsageError(`${path} cannot be read: ${why}`, {
      next: "Name a log file, or pipe a log in: `dmesg | dstate dmesg`.",
      cause: error,
    });
  }
}

/**
 * A log that comes in as a stream, such as standard input.
 *
 * @example const log = await openLog("standard input", process.stdin, { signal });
 */
export async function openLog(
  name: string,
  pieces: AsyncIterable<Uint8Array>,
  { signal }: { signal: AbortSignal },
): Promise<OpenLog> {
  const source = untilAborted(pieces, signal);
  const head: Buffer[] = [];
  for (let length = 0; length < magicLength; ) {
    const next = await source.next();
    if (next.done) break;
    head.push(Buffer.from(next.value));
    length += next.value.length;
  }
  const first = Buffer.concat(head);
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield first;
    yield* source;
  }
  const compression = compressionOf(first);
  if (compression === undefined) return { name, chunks: asText(first, whole()) };
  const packed = Readable.from(copies(whole()), { objectMode: false, highWaterMark: pieceSize });
  return { name, compression, chunks: decompress(compression, packed, { name, signal }) };
}

/** One buffer for all pieces: a gigabyte of new ones would wait for the garbage collector. */
async function* piecesOf(file: FileHandle, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(pieceSize);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    // A read that waits on a pipe cannot be called back, and closing would wait for it.
    if (!signal.aborted) await file.close();
  }
}

/** The pieces until the signal aborts, even when the next one never comes. */
async function* untilAborted<T>(pieces: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, undefined> {
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await orAbort(iterator.next(), signal);
      if (next.done) return undefined;
      yield next.value;
    }
  } finally {
    if (!signal.aborted) await iterator.return?.();
  }
}

/** Not a race with one promise for all pieces: that one would keep each of them in memory. */
async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  promise.then(resolve, reject);
  try {
    return await result;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}

/** Some shells write UTF-16 when they redirect; everything else is left as bytes. */
function asText(head: Uint8Array, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array | string> {
  const [first, second] = head;
  const little = first === 0xff && second === 0xfe;
  const big = first === 0xfe && second === 0xff;
  if (!little && !big) return chunks;
  return decode(chunks, new TextDecoder(little ? "utf-16le" : "utf-16be"));
}

async function* decode(chunks: AsyncIterable<Uint8Array>, decoder: TextDecoder): AsyncGenerator<string> {
  for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}
