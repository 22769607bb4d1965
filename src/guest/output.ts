import { StringDecoder } from "node:string_decoder";

/**
 * Collects what a guest prints, up to a limit: a guest decides how much it says. The beginning is kept, the
 * rest counted.
 */
export class BoundedOutput {
  readonly #decoder = new StringDecoder("utf8");
  readonly #limit: number;
  #text = "";
  #bytes = 0;
  #truncated = false;

  constructor(limit = 16 * 1024 * 1024) {
    this.#limit = limit;
  }

  add(chunk: Buffer): string {
    this.#bytes += chunk.length;
    const text = this.#decoder.write(chunk);
    if (this.#text.length < this.#limit) this.#text += text.slice(0, this.#limit - this.#text.length);
    else this.#truncated ||= text.length > 0;
    return text;
  }

  get text(): string {
    return this.#text;
  }

  /** Bytes seen, kept or not. */
  get bytes(): number {
    return this.#bytes;
  }

  get truncated(): boolean {
    return this.#truncated;
  }
}
