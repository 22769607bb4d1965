import type { Socket } from "node:net";
import { InfraError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import { type WaitOptions, wait } from "../base/wait.ts";
import { connectSocket } from "./socket.ts";

/**
 * A machine's gdb server, as far as a program needs it: to stop at functions. QEMU's monitor has no word for that.
 *
 * @see https://sourceware.org/gdb/current/onlinedocs/gdb.html/Remote-Protocol.html
 */
export class GdbStub implements Disposable {
  readonly #socket: Socket;
  readonly #waiting: PromiseWithResolvers<string>[] = [];
  #rest = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#receive(text));
    socket.on("close", () => {
      for (const each of this.#waiting.splice(0)) each.reject(new InfraError("QEMU closed its gdb server"));
    });
  }

  /** @param path of the socket, as `openDebugger` made it. A machine that runs stands still from then on. */
  static async connect(path: string, options: WaitOptions): Promise<GdbStub> {
    return new GdbStub(await connectSocket(path, options));
  }

  /**
   * Stop the machine before it does the instruction at an address.
   *
   * @throws {InfraError} when QEMU refuses.
   */
  async breakAt(address: bigint, options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#ask(`Z1,${address.toString(16)},1`, options);
  }

  /** Stop there no more. */
  async forget(address: bigint, options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#ask(`z1,${address.toString(16)},1`, options);
  }

  /** The machine stays as it is. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #ask(words: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const answer = Promise.withResolvers<string>();
    // Whoever gave up meanwhile has told why.
    answer.promise.catch(() => {});
    this.#waiting.push(answer);
    this.#socket.write(packet(words));
    const within = timeouts.machine.monitor;
    const said = await wait(`QEMU's gdb server to answer ${words}`, answer.promise, { within, signal });
    if (said !== "OK") throw new InfraError(`QEMU's gdb server refused ${words}: ${said.slice(0, 100)}`);
  }

  #receive(text: string): void {
    this.#rest += text;
    for (;;) {
      const [whole, said = ""] = /[^$]*\$([^#]*)#[0-9a-f]{2}/.exec(this.#rest) ?? [];
      if (whole === undefined) return;
      this.#rest = this.#rest.slice(whole.length);
      this.#socket.write("+");
      // That the machine stopped is told by the monitor, too, and with the reason.
      if (!/^[TSWX]/.test(said)) this.#waiting.shift()?.resolve(said);
    }
  }
}

/** Words with their checksum. @example packet("OK") // "$OK#9a" */
export function packet(words: string): string {
  let sum = 0;
  for (const byte of Buffer.from(words, "latin1")) sum = (sum + byte) % 256;
  return `$${words}#${sum.toString(16).padStart(2, "0")}`;
}
