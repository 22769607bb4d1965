import { DoubledConsole } from "../kernel-lines/doubled.ts";
import { Dumps } from "../kernel-lines/dumps.ts";
import { Entries, type Entry } from "../kernel-lines/entries.ts";
import { type LogLine, readLine } from "../kernel-lines/line.ts";
import { cutLine, firstFormat } from "./formats/index.ts";
import { trigger } from "./triggers.ts";
import { rejoin } from "./wrapped.ts";

/** Who takes the lines. */
export interface LineSink {
  /** Whether lines are of interest that say nothing on their own. */
  isListening(): boolean;
  /** Whether a line is to be seen at once, before anything of the next one is. */
  isUrgent(line: LogLine): boolean;
  /** A line without its prefix, and whole. `matters`: it may say something on its own. */
  see(line: LogLine, matters: boolean): void;
  /** `feed` gives all lines of one dump, in order. */
  joinDump(feed: () => void): void;
}

/**
 * The kernel's lines put together again from what a log has of them: prefixes taken off, records of several lines
 * and broken lines made one, the second console's copies left out, parts of dumps in order. Nearly every line is of
 * no interest, and is given up as early as can be.
 */
export class Assembly {
  readonly #sink: LineSink;
  readonly #entries = new Entries();
  readonly #dumps = new Dumps();
  readonly #doubled = new DoubledConsole();
  /** The latest line, until the one after it shows that it was whole. */
  #held: { readonly line: LogLine; readonly matters: boolean } | undefined;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** The next line, as it is in the log. `hinted`: it may hold a trigger. */
  read(line: string, number: number, hinted: boolean): void {
    const matters = hinted && trigger.test(line);
    if (!matters && !this.isListening) return;
    if (this.#dumps.open || (matters && Dumps.begins(line))) {
      if (this.#dumps.take(line.trimEnd(), number)) {
        if (this.#dumps.full) this.#join();
        return;
      }
      this.#join();
    }
    if (this.#entries.open || matters) {
      const { taken, entry } = this.#entries.take(line.trimEnd(), number);
      this.#readEntry(entry);
      if (taken) return;
    }
    this.#readParts(line, number, matters);
  }

  /** The log ends here. */
  end(): void {
    this.#readEntry(this.#entries.end());
    if (this.#dumps.open) this.#join();
    this.#release();
  }

  /** Whether a line can be of interest that says nothing on its own. */
  get isListening(): boolean {
    return this.#held !== undefined || this.#entries.open || this.#dumps.open || this.#sink.isListening();
  }

  #readEntry(entry: Entry | undefined): void {
    if (entry) this.#readParts(entry.text, entry.number, trigger.test(entry.text));
  }

  #readParts(line: string, number: number, matters: boolean): void {
    for (const part of readLine(line, number)) {
      if (!this.#doubled.isCopy(part, isHeadline)) this.#hold(part, matters);
    }
  }

  #join(): void {
    this.#release();
    for (const lines of this.#dumps.flush()) {
      this.#sink.joinDump(() => {
        for (const { text, number } of lines) this.#readParts(text, number, trigger.test(text));
        this.#release();
      });
    }
  }

  /** A line may be the second half of the one before. */
  #hold(line: LogLine, matters: boolean): void {
    const held = this.#held;
    const whole = held && rejoin(held.line, line);
    if (held && whole) {
      this.#held = { line: whole, matters: held.matters || matters };
      return;
    }
    this.#release();
    const canWait = matters ? !this.#sink.isUrgent(line) : this.#sink.isListening();
    if (canWait) this.#held = { line, matters };
    else this.#sink.see(line, matters);
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held) this.#sink.see(held.line, held.matters);
  }
}

function isHeadline(line: LogLine): boolean {
  return trigger.test(line.text) && (cutLine.test(line.text) || firstFormat(line) !== undefined);
}
