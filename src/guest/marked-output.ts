import { BoundedOutput } from "./output.ts";

/** What came before a mark, and the rest of its line. */
export interface Marked {
  readonly text: string;
  readonly tail: string;
}

/** An exit code is shorter. */
const longestTail = 64;

/**
 * Collects what comes on a port of the guest until the line with a mark, which nobody else knows. A guest decides what it
 * sends and how it is cut into pieces: the answer is the same for any.
 */
export class MarkedOutput {
  readonly #mark: string;
  readonly #output: BoundedOutput;
  /** The end of what came so far, in which the mark may be cut in two; from the mark on, what came after it. */
  #recent = "";
  #isMarked = false;

  constructor(mark: string, limit?: number) {
    this.#mark = `\n${mark}`;
    this.#output = new BoundedOutput(limit);
  }

  /** @returns undefined while the line with the mark has not come. */
  push(chunk: Buffer): Marked | undefined {
    this.#recent += this.#output.add(chunk);
    if (!this.#isMarked) {
      const at = this.#recent.indexOf(this.#mark);
      this.#isMarked = at >= 0;
      this.#recent = this.#recent.slice(at >= 0 ? at + this.#mark.length : 1 - this.#mark.length);
      if (!this.#isMarked) return undefined;
    }
    const end = this.#recent.indexOf("\n");
    if (end < 0 && this.#recent.length < longestTail) return undefined;
    const whole = this.#output.text;
    const cut = whole.indexOf(this.#mark);
    return {
      text: cut < 0 ? whole : whole.slice(0, cut),
      tail: (end < 0 ? this.#recent : this.#recent.slice(0, end)).slice(0, longestTail),
    };
  }
}
