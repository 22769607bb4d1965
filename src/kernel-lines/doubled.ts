import type { LogLine } from "./line.ts";

/**
 * Two consoles that end in one log print each line twice. That is told by a headline that comes twice in a row; then
 * the second of each pair goes, until a line comes once.
 */
export class DoubledConsole {
  #before: LogLine | undefined;
  #doubled = false;

  /** Whether a line is the second console's copy of the one before. */
  isCopy(line: LogLine, isHeadline: (line: LogLine) => boolean): boolean {
    const before = this.#before;
    if (line.text === "") return this.#doubled && before?.text === "";
    const same =
      before !== undefined &&
      before.text === line.text &&
      before.time === line.time &&
      before.date === line.date &&
      before.context === line.context;
    if (same && (this.#doubled || isHeadline(line))) {
      this.#doubled = true;
      // A third one is no copy: call chains of functions that call themselves repeat.
      this.#before = undefined;
      return true;
    }
    if (before !== undefined) this.#doubled = false;
    this.#before = line;
    return false;
  }
}
