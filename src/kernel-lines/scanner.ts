import { nextHash } from "./hints.ts";

/** The longest line that is looked at, in bytes; the rest of a longer one is dropped, so that it takes no memory. */
export const maxLine = 8192;

const newline = 10;

/** Who takes the lines of a log. */
export interface ScanOptions {
  /** Words that may be of interest, as a table of {@link hintTable}. */
  readonly hints: Uint8Array;
  /** Whether every line is of interest now. */
  wantsAll(): boolean;
  /**
   * A line without its end, counted from 1; one that may hold a word, or any if all are wanted. `hinted`: it may hold
   * a word.
   */
  line(text: string, number: number, hinted: boolean): void;
}

/**
 * Finds the lines of a log that may be of interest, whatever pieces it comes in. All others are counted and cost next
 * to nothing: they are never made a string. Bytes that are no UTF-8 become U+FFFD.
 */
export class LineScanner {
  readonly #options: ScanOptions;
  /** The beginning of a line whose end is still to come. */
  readonly #rest = Buffer.alloc(maxLine);
  #restLength = 0;
  #unfinished = false;
  #hash = 0;
  #hinted = false;
  #lines = 0;

  constructor(options: ScanOptions) {
    this.#options = options;
  }

  /** How many lines have ended. */
  get lines(): number {
    return this.#lines;
  }

  push(chunk: string | Uint8Array): void {
    const bytes =
      typeof chunk === "string"
        ? Buffer.from(chunk)
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const { hints } = this.#options;
    let hash = this.#hash;
    let hinted = this.#hinted;
    let start = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte !== newline) {
        hash = nextHash(hash, byte);
        if (hints[hash] === 1) hinted = true;
        continue;
      }
      this.#end(bytes, start, at, hinted);
      start = at + 1;
      hash = 0;
      hinted = false;
    }
    this.#hash = hash;
    this.#hinted = hinted;
    if (start < bytes.length) this.#keep(bytes, start, bytes.length);
  }

  /** The log ends here: what is left is its last line. */
  end(): void {
    if (this.#unfinished) this.#end(this.#rest, 0, 0, this.#hinted);
    this.#hash = 0;
    this.#hinted = false;
  }

  #end(bytes: Buffer, start: number, end: number, hinted: boolean): void {
    this.#lines += 1;
    const wanted = hinted || this.#options.wantsAll();
    if (!this.#unfinished) {
      if (wanted)
        this.#options.line(
          bytes.toString("utf8", start, Math.min(end, start + maxLine)),
          this.#lines,
          hinted,
        );
      return;
    }
    if (wanted) {
      this.#keep(bytes, start, end);
      this.#options.line(this.#rest.toString("utf8", 0, this.#restLength), this.#lines, hinted);
    }
    this.#unfinished = false;
    this.#restLength = 0;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#unfinished = true;
    if (bytes === this.#rest) return;
    const length = Math.min(end - start, maxLine - this.#restLength);
    bytes.copy(this.#rest, this.#restLength, start, start + length);
    this.#restLength += length;
  }
}
