import { StringDecoder } from "node:string_decoder";
import type { Within } from "../base/deadline.ts";
import { InfraError, messageOf } from "../base/errors.ts";
import type { Pace } from "../base/pace.ts";
import { withDeadline } from "../base/wait.ts";
import { ConsoleLog } from "./console-log.ts";
import type { Qmp } from "./qmp.ts";
import type { SerialLine } from "./serial-line.ts";

/** What is kept in memory of the console; the file on disk has more of it. */
const keptCharacters = 4 * 1024 * 1024;
/** A line longer than this is cut into several: a guest decides what it prints. */
const longestLine = 64 * 1024;

/** Ctrl-], as in telnet: no program in the guest needs it. */
const leavingKey = 0x1d;

export interface ConsoleLine {
  /** Counts every line since the machine started. */
  readonly number: number;
  readonly text: string;
}

/**
 * The serial line of a machine: every byte goes to `logFile` as it comes, within limits, and lines to whoever listens. It
 * can type and send sysrq keys.
 *
 * QEMU's own `logfile=` is not used: QEMU 7.2 writes a character twice whenever the line was full for a moment.
 */
export class Console implements AsyncDisposable {
  readonly logFile: string;
  readonly #line: SerialLine;
  readonly #pace: Pace;
  readonly #log: ConsoleLog;
  readonly #decoder = new StringDecoder("utf8");
  readonly #listeners = new Set<(line: ConsoleLine) => void>();
  #lines: string[] = [];
  #characters = 0;
  #dropped = 0;
  #rest = "";
  readonly #qmp: Qmp;

  /** @param parts the line; the monitor, which sends breaks; where the log goes. */
  constructor(line: SerialLine, parts: { readonly qmp: Qmp; readonly logFile: string; readonly pace: Pace }) {
    this.#line = line;
    this.#qmp = parts.qmp;
    this.#pace = parts.pace;
    this.logFile = parts.logFile;
    this.#log = new ConsoleLog(parts.logFile);
    line.output.on("data", (chunk: Buffer) => {
      this.#log.write(chunk);
      this.#receive(this.#decoder.write(chunk));
    });
  }

  /** Why the log on disk is not whole, if it is not. */
  get logFailure(): string | undefined {
    return this.#log.failure && messageOf(this.#log.failure);
  }

  /** Lines so far, the unfinished last one too, at most the last 4 MiB. */
  get text(): string {
    return [...this.#lines, this.#rest].join("\n");
  }

  /** Where the console stands now, to read later what came after. */
  get mark(): number {
    return this.#dropped + this.#lines.length;
  }

  /** The text that came after a mark. */
  since(mark: number): string {
    return [...this.#lines.slice(Math.max(0, mark - this.#dropped)), this.#rest].join("\n");
  }

  onLine(listener: (line: ConsoleLine) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Wait for a line after `from` (default: from the machine's start) that a test accepts.
   *
   * @throws {DeadlineError} when none comes in time.
   */
  async waitForLine(
    what: string,
    accept: (text: string) => boolean,
    options: { within: Within; signal?: AbortSignal | undefined; from?: number | undefined },
  ): Promise<string> {
    const early = this.#lines.slice(Math.max(0, (options.from ?? 0) - this.#dropped)).find(accept);
    if (early !== undefined) return early;
    const found = Promise.withResolvers<string>();
    using _listener = this.onLine(({ text }) => {
      if (accept(text)) found.resolve(text);
    });
    return await withDeadline(what, { ...options, pace: this.#pace }, () => found.promise);
  }

  /** Type text on the serial line. */
  type(text: string): void {
    this.#line.input?.write(text);
  }

  /**
   * Connect a terminal with the serial line, until Ctrl-] is typed, the machine ends or the signal aborts.
   *
   * @example await vm.machine.console.interact({ input: process.stdin, output: process.stdout, signal });
   */
  async interact(options: {
    readonly input: NodeJS.ReadStream;
    readonly output: NodeJS.WritableStream;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { input, output, signal } = options;
    const left = Promise.withResolvers<void>();
    const leave = (): void => left.resolve();
    const show = (chunk: Buffer): void => void output.write(chunk);
    const send = (keys: Buffer): void => {
      if (keys.includes(leavingKey)) leave();
      else this.#line.input?.write(keys);
    };
    const { output: printed } = this.#line;
    printed.on("data", show);
    printed.once("close", leave);
    signal.addEventListener("abort", leave, { once: true });
    input.setRawMode(true);
    input.on("data", send);
    input.resume();
    try {
      await left.promise;
    } finally {
      input.removeListener("data", send);
      input.setRawMode(false);
      input.pause();
      printed.removeListener("data", show);
      printed.removeListener("close", leave);
      signal.removeEventListener("abort", leave);
    }
  }

  /**
   * Press a sysrq key over the serial line: a break, then the key. Works where ssh no longer does.
   *
   * @see https://www.kernel.org/doc/html/latest/admin-guide/sysrq.html
   * @example await vm.machine.console.sysrq("w") // tasks in uninterruptible sleep
   */
  async sysrq(
    key: string,
    options: { within?: Within | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    if (!this.#line.input) throw new InfraError("nothing can be typed on the console of a recorded machine");
    await this.#qmp.call("chardev-send-break", { id: "console" }, options);
    this.type(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line.rest();
    this.#line.output.destroy();
    this.#listeners.clear();
    await this.#log.end();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    while (this.#rest.length > longestLine) {
      lines.push(this.#rest.slice(0, longestLine));
      this.#rest = this.#rest.slice(longestLine);
    }
    for (const line of lines) this.#accept(line.endsWith("\r") ? line.slice(0, -1) : line);
    this.#forget();
  }

  #accept(text: string): void {
    this.#lines.push(text);
    this.#characters += text.length + 1;
    const line = { number: this.mark, text };
    for (const listener of this.#listeners) listener(line);
  }

  #forget(): void {
    if (this.#characters <= keptCharacters) return;
    let count = 0;
    while (this.#characters > keptCharacters / 2) {
      this.#characters -= (this.#lines[count]?.length ?? 0) + 1;
      count += 1;
    }
    this.#lines = this.#lines.slice(count);
    this.#dropped += count;
  }
}
