import { hintAt } from "./hints.ts";

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

/** Four bytes: 0 if none of them ends a line. @see https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord */
function newlineIn(bytes: number): number {
  const zeros = bytes ^ 0x0a0a0a0a;
  return (zeros - 0x01010101) & ~zeros & 0x80808080;
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
    let start = 0;
    if (this.#unfinished) {
      const end = bytes.indexOf(newline);
      this.#keep(bytes, 0, end < 0 ? bytes.length : end);
      if (end < 0) return;
      this.#endRest();
      start = end + 1;
    }
    this.#scan(bytes, start);
  }

  /** The log ends here: what is left is its last line. */
  end(): void {
    if (this.#unfinished) this.#endRest();
  }

  /**
   * The lines of a piece, of which the first one begins at `start`. Four bytes are looked at in one step, and in each
   * the four that lie between it and the one before; a step that holds the end of a line can hint at that line and at
   * the next one.
   */
  #scan(bytes: Buffer, start: number): void {
    const { hints, line: take } = this.#options;
    const words = wordsOf(bytes);
    let line = start;
    let hinted = false;
    let before = 0;
    // Nothing but a line that was taken changes what is wanted.
    let wantsAll = this.#options.wantsAll();
    for (let at = start >> 2; at < words.length; at += 1) {
      const word = words[at] ?? 0;
      const hint = (hints[hintAt(word)] ?? 0) | (hints[hintAt(between(before, word))] ?? 0);
      before = word;
      hinted ||= hint !== 0;
      if (newlineIn(word) === 0) continue;
      for (let byte = at * 4; byte < at * 4 + 4; byte += 1) {
        if (bytes[byte] !== newline || byte < line) continue;
        this.#lines += 1;
        if (hinted || wantsAll) {
          take(textOf(bytes, line, byte), this.#lines, hinted);
          wantsAll = this.#options.wantsAll();
        }
        line = byte + 1;
        hinted = hint !== 0;
      }
    }
    // What is behind the last step is no more than a few bytes.
    for (let end = bytes.indexOf(newline, line); end >= 0; end = bytes.indexOf(newline, line)) {
      this.#endLine(bytes.subarray(line, end));
      line = end + 1;
    }
    if (line < bytes.length) this.#keep(bytes, line, bytes.length);
  }

  #endRest(): void {
    const rest = this.#rest.subarray(0, this.#restLength);
    this.#unfinished = false;
    this.#restLength = 0;
    this.#endLine(rest);
  }

  /** A line that lies across pieces, or at the very end of one. */
  #endLine(line: Buffer): void {
    const { hints } = this.#options;
    this.#lines += 1;
    // A short word may want bytes on either side of it.
    const padded = new Uint8Array(Math.ceil((line.length + 2 * 4) / 4) * 4);
    padded.set(line, 4);
    const words = wordsOf(padded);
    const hinted = words.some(
      (word, at) => hints[hintAt(word)] === 1 || hints[hintAt(between(words[at - 1] ?? 0, word))] === 1,
    );
    if (hinted || this.#options.wantsAll())
      this.#options.line(textOf(line, 0, line.length), this.#lines, hinted);
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#unfinished = true;
    const length = Math.min(end - start, maxLine - this.#restLength);
    bytes.copy(this.#rest, this.#restLength, start, start + length);
    this.#restLength += length;
  }
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("utf8", start, Math.min(end, start + maxLine));
}

/** Bytes four at a time, without those that are left over; a copy of them where they do not lie on a boundary. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Int32Array(buffer, byteOffset, byteLength >> 2);
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The last two bytes of four, and the first two of the next four. */
function between(before: number, word: number): number {
  return isLittleEndian ? (before >>> 16) | (word << 16) : (before << 16) | (word >>> 16);
}
