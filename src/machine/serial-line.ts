import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { command } from "../base/command.ts";
import { timeouts } from "../base/timeouts.ts";
import { type WaitOptions, withDeadline } from "../base/wait.ts";
import { FileTail } from "./file-tail.ts";

/** A machine's serial line, as whoever sits at its other end has it. */
export interface SerialLine {
  /** What the guest prints. */
  readonly output: Readable;
  /** What is typed; absent where nothing can be. */
  readonly input?: Writable | undefined;
  /** Read what there still is: nobody writes any more. */
  rest(): Promise<void>;
}

/**
 * A serial line by way of two FIFOs, `PATH.out` and `PATH.in`, as QEMU's `-chardev pipe` opens them. QEMU writes
 * character by character: a FIFO holds 65,536 of them, a UNIX socket some 280. When the other end is full, a guest's
 * kernel waits 10 ms for each character and then goes on without it, so whoever reads must not have to be quick.
 *
 * Both are opened before QEMU starts, and from then on their names are not looked at: QEMU may write to their folder.
 *
 * @see https://man7.org/linux/man-pages/man7/pipe.7.html (pipe capacity)
 */
export class SerialPipes implements Disposable {
  #descriptors: { readonly output: number; readonly input: number } | undefined;

  private constructor(descriptors: { readonly output: number; readonly input: number }) {
    this.#descriptors = descriptors;
  }

  /** @throws {InfraError} when no FIFO can be made there. */
  static async make(path: string, options: { readonly signal: AbortSignal }): Promise<SerialPipes> {
    await command(["mkfifo", "-m", "600", `${path}.out`, `${path}.in`], {
      within: timeouts.machine.sockets,
      signal: options.signal,
    });
    const output = openSync(`${path}.out`, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      // To write alone needs a reader, and there is none yet.
      return new SerialPipes({
        output,
        input: openSync(`${path}.in`, constants.O_RDWR | constants.O_NONBLOCK),
      });
    } catch (error) {
      closeSync(output);
      throw error;
    }
  }

  /** Begin to read. Only once QEMU has opened its ends: before, the line looks as if it had ended. */
  connect(): SerialLine {
    const { output: from, input: to } = this.#take();
    const output = new Socket({ fd: from, readable: true, writable: false });
    const input = new Socket({ fd: to, readable: false, writable: true });
    // QEMU's exit is told by the machine; the line only ends.
    for (const end of [output, input]) end.on("error", () => {});
    const ended = new Promise<void>((resolve) => output.once("close", resolve));
    output.once("close", () => input.destroy());
    return {
      output,
      input,
      rest: async () => {
        // It ends with QEMU, at once unless this host has no processor for us: then a shorter wait would lose lines.
        const within = timeouts.machine.sockets;
        // Somebody else still holds the other end: the log is as far as it was read.
        await withDeadline("the rest of the console", { within }, () => ended).catch(() => {});
      },
    };
  }

  #take(): { readonly output: number; readonly input: number } {
    const descriptors = this.#descriptors;
    if (!descriptors) throw new Error("the ends of this serial line are taken already");
    this.#descriptors = undefined;
    return descriptors;
  }

  [Symbol.dispose](): void {
    if (!this.#descriptors) return;
    closeSync(this.#descriptors.output);
    closeSync(this.#descriptors.input);
    this.#descriptors = undefined;
  }
}

/** Follow a serial line that QEMU writes into a file: nothing can be typed there. */
export async function followSerialFile(path: string, options: WaitOptions): Promise<SerialLine> {
  const output = await FileTail.open(path, options);
  return { output, rest: async () => await output.rest() };
}
