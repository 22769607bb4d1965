/** The longest line that is looked at; the rest of a longer one is dropped, so that it takes no memory. */
export const maxLine = 8192;

/**
 * Pieces of a log made whole lines again, whatever the pieces' borders. Bytes that are no UTF-8 become U+FFFD.
 *
 * @example input.push("one\ntw") // "one\n"; a later input.push("o\n") returns "two\n"
 */
export class Input {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = "";

  /** @returns the lines that are complete, each with its line end. */
  push(chunk: string | Uint8Array): string {
    return this.#add(typeof chunk === "string" ? chunk : this.#decoder.decode(chunk, { stream: true }));
  }

  /** @returns the last lines, of which the last may have no line end. */
  end(): string {
    const last = this.#add(this.#decoder.decode()) + this.#rest;
    this.#rest = "";
    return last;
  }

  #add(text: string): string {
    const last = text.lastIndexOf("\n");
    if (last < 0) {
      this.#rest = (this.#rest + text).slice(0, maxLine);
      return "";
    }
    const whole = this.#rest + text.slice(0, last + 1);
    this.#rest = text.slice(last + 1, last + 1 + maxLine);
    return whole;
  }
}
