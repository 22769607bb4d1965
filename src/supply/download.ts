import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { lengthOf, type Within } from "../base/deadline.ts";
import { DeadlineError, InfraError, messageOf } from "../base/errors.ts";
import { formatBytes } from "../base/size.ts";
import { timeouts } from "../base/timeouts.ts";

export interface DownloadOptions {
  /** Where the whole file will be. Until it is whole it is called `<to>.part`. */
  readonly to: string;
  readonly signal: AbortSignal;
  /** What the file must be; without it the caller checks the sha256 that is returned. */
  readonly sha256?: string | undefined;
  /** The longest silence of the server that is borne. */
  readonly silence?: Within | undefined;
  readonly onProgress?: (progress: { bytes: number; share?: number }) => void;
}

/** A server could not be asked, or has nothing to give: another place may have it. */
export class UnreachableError extends InfraError {}

export type Download =
  | { readonly type: "done"; readonly bytes: number; readonly sha256: string }
  /** The server says there is no such file. */
  | { readonly type: "missing" };

/**
 * Fetch a file over HTTP to disk; its sha256 is made on the way. A file that is not whole or not the one
 * expected is removed.
 *
 * @throws {UnreachableError} when the server is out of reach.
 * @throws {InfraError} when it falls silent, sends less than it promised or something else than expected, or
 *   the disk is full.
 * @throws the signal's reason when it aborts.
 * @example await download(url, { to: join(dir, "linux.tar.xz"), sha256, signal });
 */
export async function download(url: string, options: DownloadOptions): Promise<Download> {
  const part = `${options.to}.part`;
  const silence = lengthOf(options.silence ?? timeouts.network.silence);
  const stop = new AbortController();
  const fallSilent = (): void => stop.abort(new DeadlineError(`${url} to go on`, silence));
  const watchdog = setTimeout(fallSilent, silence);
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let bytes = 0;
  let told = 0;
  let total: number | undefined;
  try {
    // Without this a server may pack what is packed already, and its length says nothing.
    const response = await fetch(url, { signal, headers: { "accept-encoding": "identity" } });
    if (response.status === 404 || response.status === 410) {
      await response.body?.cancel();
      return { type: "missing" };
    }
    if (!response.ok || !response.body) {
      throw new UnreachableError(`${url} answered with HTTP status ${response.status}`, {
        next: otherPlaces,
      });
    }
    const length = response.headers.get("content-length");
    total = length === null ? undefined : Number(length);
    const hash = createHash("sha256");
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        bytes += chunk.length;
        watchdog.refresh();
        if (bytes - told >= tellEvery) {
          told = bytes;
          options.onProgress?.(total ? { bytes, share: Math.min(bytes / total, 1) } : { bytes });
        }
        done(null, chunk);
      },
    });
    await pipeline(response.body as ReadableStream<Uint8Array>, count, createWriteStream(part), { signal });
    if (total !== undefined && bytes !== total) throw cutShort(url, bytes, total);
    const sha256 = hash.digest("hex");
    if (options.sha256 !== undefined && sha256 !== options.sha256) {
      throw new InfraError(
        `${url} is not the file expected: its sha256 is ${sha256}, not ${options.sha256}`,
        {
          next: "Try again; if it stays so, the server or something on the way changes the file: use another place.",
        },
      );
    }
    await rename(part, options.to);
    return { type: "done", bytes, sha256 };
  } catch (error) {
    await rm(part, { force: true });
    options.signal.throwIfAborted();
    if (stop.signal.aborted)
      throw new InfraError(messageOf(stop.signal.reason), { next: otherPlaces, cause: error });
    if (error instanceof InfraError) throw error;
    throw explain(url, error, bytes, total);
  } finally {
    clearTimeout(watchdog);
  }
}

const tellEvery = 1024 ** 2;

/** What a reader can do when a place is of no use. */
export const otherPlaces =
  "Check the network, or name other places: DSTATE_KERNEL_PLACES (kernel.org's layout), DSTATE_DEBIAN_MIRROR.";

function explain(url: string, error: unknown, bytes: number, total: number | undefined): InfraError {
  const code = codeOf(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new InfraError(`the disk is full after ${formatBytes(bytes)} of ${url}`, {
      next: "Free some disk space, or set DSTATE_CACHE to a larger disk.",
      cause: error,
    });
  }
  if (bytes > 0) return cutShort(url, bytes, total, error);
  const why = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
  return new UnreachableError(`${url} cannot be reached: ${why || code}`, {
    next: otherPlaces,
    cause: error,
  });
}

function cutShort(url: string, bytes: number, total: number | undefined, cause?: unknown): InfraError {
  const of = total === undefined ? "" : ` of ${total}`;
  return new InfraError(`${url} broke off after ${bytes}${of} bytes`, { next: otherPlaces, cause });
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  return codeOf(error.cause);
}
