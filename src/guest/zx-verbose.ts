import { StringDecoder } from "node:string_decoder";
import type { Options } from "zx/core";
import { sanitize } from "../base/text.ts";

/** More than this of a line that has no end is shown as it is, so that nobody waits for the rest of it. */
const longestLine = 4000;

/**
 * What zx tells of one verbose command, as whole lines made fit for a terminal: a guest wrote them, and whoever
 * draws there has to know where a line ends.
 *
 * @param show is given whole lines, without the last line's end.
 */
export function verboseLog(show: (text: string) => void): NonNullable<Options["log"]> {
  const streams = { stdout: new Lines(show), stderr: new Lines(show) };
  return (entry) => {
    if (entry.kind === "end") for (const stream of Object.values(streams)) stream.end();
    if (!("verbose" in entry) || !entry.verbose) return;
    if (entry.kind === "cmd") show(`guest $ ${sanitize(entry.cmd)}`);
    if (entry.kind === "stdout" || entry.kind === "stderr") streams[entry.kind].add(entry.data);
  };
}

/** Puts pieces of output together to lines. */
class Lines {
  readonly #decoder = new StringDecoder("utf8");
  readonly #show: (text: string) => void;
  #rest = "";

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  add(bytes: Buffer): void {
    const lines = `${this.#rest}${this.#decoder.write(bytes)}`.split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > longestLine) lines.push(...this.#take());
    if (lines.length > 0) this.#show(lines.map((line) => sanitize(line)).join("\n"));
  }

  end(): void {
    for (const line of this.#take()) this.#show(sanitize(line));
  }

  #take(): string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}
