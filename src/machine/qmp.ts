import type { Socket } from "node:net";
import { z } from "zod";
import type { Within } from "../base/deadline.ts";
import { InfraError } from "../base/errors.ts";
import type { Pace } from "../base/pace.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import { type QmpMessage, QmpMessages } from "./qmp-messages.ts";
import { connectSocket } from "./socket.ts";

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970, by QEMU's clock. */
  readonly at: number;
}

export interface QmpCallOptions {
  readonly within?: Within | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A connection to QEMU's monitor.
 *
 * @see https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
export class Qmp implements Disposable {
  readonly #socket: Socket;
  readonly #pace: Pace;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #greeting = Promise.withResolvers<void>();
  /** The latest of each name: a machine that runs for days has many. */
  readonly #latest = new Map<string, QmpEvent>();
  #version = "unknown";
  #lastId = 0;
  readonly #messages = new QmpMessages();
  #closed: Error | undefined;

  private constructor(socket: Socket, pace: Pace) {
    this.#socket = socket;
    this.#pace = pace;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#receive(text));
    socket.on("error", (error) => this.#close(error));
    socket.on("close", () => this.#close(new InfraError("QEMU closed its monitor")));
    this.#greeting.promise.catch(() => {});
  }

  /** Connect and leave QMP's negotiation mode. */
  static async connect(
    path: string,
    options: { within: Within; pace: Pace; signal: AbortSignal },
  ): Promise<Qmp> {
    return await withDeadline("QEMU's monitor", options, async (signal) => {
      const qmp = new Qmp(await connectSocket(path, { ...options, signal }), options.pace);
      try {
        await qmp.#greeting.promise;
        await qmp.call("qmp_capabilities", {}, { signal });
        return qmp;
      } catch (error) {
        qmp[Symbol.dispose]();
        throw error;
      }
    });
  }

  /**
   * Run a command and return its result.
   *
   * @throws {InfraError} when QEMU answers with an error or is gone; {DeadlineError} after `within` (5 s).
   * @example await vm.machine.qmp.call("query-status")
   */
  async call(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    options: QmpCallOptions = {},
  ): Promise<unknown> {
    return await withDeadline(
      `QEMU to answer ${command}`,
      { within: options.within ?? timeouts.machine.monitor, pace: this.#pace, signal: options.signal },
      async () => {
        if (this.#closed) throw this.#closed;
        this.#lastId += 1;
        const id = this.#lastId;
        const answer = Promise.withResolvers<unknown>();
        this.#pending.set(id, answer);
        this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
        try {
          return await answer.promise;
        } finally {
          this.#pending.delete(id);
        }
      },
    );
  }

  /** Run a command of the human monitor, for what QMP has no command of its own. */
  async human(line: string, options: QmpCallOptions = {}): Promise<string> {
    return z.string().parse(await this.call("human-monitor-command", { "command-line": line }, options));
  }

  /** QEMU's version, such as `7.2.22`. */
  get version(): string {
    return this.#version;
  }

  /** The latest event of a name; undefined: there was none. @example vm.machine.qmp.latest("SHUTDOWN")?.data.reason */
  latest(name: string): QmpEvent | undefined {
    return this.#latest.get(name);
  }

  onEvent(listener: (event: QmpEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#close(new InfraError("the connection to QEMU's monitor was closed"));
    this.#socket.destroy();
  }

  #receive(text: string): void {
    try {
      for (const message of this.#messages.push(text)) this.#take(message);
    } catch (error) {
      this.#close(error instanceof Error ? error : new InfraError(String(error)));
      this.#socket.destroy();
    }
  }

  #take(message: QmpMessage): void {
    if ("QMP" in message) {
      const { major, minor, micro } = message.QMP.version.qemu;
      this.#version = `${major}.${minor}.${micro}`;
      this.#greeting.resolve();
    } else if ("event" in message) this.#announce(message.event, message.data ?? {}, message.timestamp);
    else if ("error" in message) {
      this.#pending.get(message.id)?.reject(new InfraError(`QEMU refused a command: ${message.error.desc}`));
    } else this.#pending.get(message.id)?.resolve(message.return);
  }

  #announce(
    name: string,
    data: Readonly<Record<string, unknown>>,
    at: { seconds: number; microseconds: number },
  ): void {
    const event = { name, data, at: at.seconds * 1000 + at.microseconds / 1000 };
    // QEMU has some fifty names of events.
    if (this.#latest.size < 256 || this.#latest.has(name)) this.#latest.set(name, event);
    for (const listener of this.#listeners) listener(event);
  }

  #close(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#greeting.reject(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
