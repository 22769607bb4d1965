import { createWriteStream, type WriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { formatBytes } from "../base/size.ts";

/** How much is kept of what a guest says on its serial line. Bytes. */
export interface LogLimits {
  /** Of its beginning. */
  readonly head: number;
  /** Of its end, where it says more than that. */
  readonly tail: number;
  /** Of what waits for a slow disk, in this process' memory. */
  readonly waiting: number;
}

const usual: LogLimits = { head: 64 * 2 ** 20, tail: 4 * 2 ** 20, waiting: 16 * 2 ** 20 };

/**
 * The file that has every byte of a console, within limits: a guest decides how much it says, and must not fill the
 * host's disk or this process' memory. It never makes the guest wait, for that would change what it does. What is
 * left out is told in the file, with its size.
 */
export class ConsoleLog {
  readonly #file: WriteStream;
  readonly #limits: LogLimits;
  #written = 0;
  /** Bytes since the last one that was written. */
  #leftOut = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #failure: Error | undefined;

  constructor(path: string, limits: LogLimits = usual) {
    this.#limits = limits;
    this.#file = createWriteStream(path);
    // A full disk must not end the guest; it is told when the log is asked for.
    this.#file.on("error", (error) => {
      this.#failure = error;
    });
  }

  /** Why it is not whole, if the host failed it. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Bytes that this process holds of it now. */
  get held(): number {
    return this.#file.writableLength + this.#tailBytes;
  }

  write(chunk: Buffer): void {
    if (this.#failure) return;
    const isOver = this.#written + chunk.length > this.#limits.head;
    if (isOver || this.#file.writableLength > this.#limits.waiting) {
      if (this.#leftOut === 0)
        this.#file.write("\n[dstate: the console says more than is kept; some of it is left out here]\n");
      this.#leftOut += chunk.length;
      this.#keepTail(chunk);
      return;
    }
    this.#endGap();
    this.#written += chunk.length;
    this.#file.write(chunk);
  }

  /** Write what is kept of its end, and close it. Never rejects. */
  async end(): Promise<void> {
    this.#endGap();
    this.#file.end();
    await finished(this.#file).catch(() => {});
  }

  #keepTail(chunk: Buffer): void {
    // A piece of a larger buffer would keep all of it.
    this.#tail.push(Buffer.from(chunk));
    this.#tailBytes += chunk.length;
    while (this.#tailBytes - (this.#tail[0]?.length ?? 0) >= this.#limits.tail) {
      this.#tailBytes -= this.#tail[0]?.length ?? 0;
      this.#tail.shift();
    }
  }

  #endGap(): void {
    if (this.#leftOut === 0) return;
    const lost = this.#leftOut - this.#tailBytes;
    this.#file.write(`\n[dstate: ${lost} bytes (${formatBytes(lost)}) of the console are left out]\n`);
    for (const chunk of this.#tail) this.#file.write(chunk);
    this.#written += this.#tailBytes;
    this.#leftOut = 0;
    this.#tail = [];
    this.#tailBytes = 0;
  }
}
