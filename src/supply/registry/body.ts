import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { lengthOf } from "../../base/deadline.ts";
import { DeadlineError } from "../../base/errors.ts";
import { timeouts } from "../../base/timeouts.ts";

/**
 * A short answer, whole.
 *
 * @throws {RangeError} when it is longer than `most` bytes, without reading on.
 */
export async function readAtMost(response: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > most) throw new RangeError(`the answer is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Write an answer to a file, and say what its sha256 is. One that is longer than promised ends at once; so does one
 * that falls silent.
 *
 * @throws {RangeError} when it is longer.
 * @throws {DeadlineError} when nothing more comes.
 */
export async function saveBody(
  response: Response,
  to: string,
  options: {
    readonly size: number;
    readonly signal: AbortSignal;
    readonly onBytes?: (bytes: number) => void;
  },
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const silence = lengthOf(timeouts.network.mirror);
  const stop = new AbortController();
  const watchdog = setTimeout(
    () => stop.abort(new DeadlineError(`${response.url} to go on`, silence)),
    silence,
  );
  const hash = createHash("sha256");
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      watchdog.refresh();
      bytes += chunk.length;
      if (bytes > options.size)
        return done(new RangeError(`it is longer than the ${options.size} bytes it should have`));
      hash.update(chunk);
      options.onBytes?.(bytes);
      done(null, chunk);
    },
  });
  const signal = AbortSignal.any([options.signal, stop.signal]);
  try {
    await pipeline((response.body ?? []) as ReadableStream<Uint8Array>, count, createWriteStream(to), {
      signal,
    });
    return { bytes, sha256: hash.digest("hex") };
  } catch (error) {
    stop.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(watchdog);
  }
}
