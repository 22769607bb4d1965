import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { trace } from "../base/debug.ts";
import { InfraError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { Machine } from "../machine/machine.ts";
import { type Marked, MarkedOutput } from "./marked-output.ts";
import { type Command, type CommandPlace, isPlainLine, quote, shellText } from "./shell.ts";

/** How a command on the fast channel ended. A shell folds signals into the code: 128 + number. */
export interface FastResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/**
 * A root shell in the guest behind two virtio-serial ports: a command costs a fork, not a handshake and not
 * a session. One command at a time; one that does not end in time leaves the channel busy until it does.
 */
export class FastShell {
  readonly #machine: Machine;
  readonly #commands: Socket;
  readonly #errors: Socket;
  #busy = false;
  #lost = false;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#commands = machine.shell.commands;
    this.#errors = machine.shell.errors;
    for (const socket of [this.#commands, this.#errors]) {
      // A recorded machine has none.
      if (socket.destroyed) this.#lost = true;
      socket.on("close", () => {
        this.#lost = true;
      });
    }
  }

  /** Whether a command can be run now. */
  get idle(): boolean {
    return !this.#busy && !this.#lost;
  }

  /**
   * Run a command.
   *
   * @throws {DeadlineError} after `within`; the channel stays busy until the command ends by itself.
   * @example await shell.exec("uname -r", { within: "2s" })
   */
  async exec(command: Command, options: WaitOptions & CommandPlace): Promise<FastResult> {
    if (!this.idle) throw new InfraError("the fast channel is busy with an earlier command");
    const line = typeof command === "string" ? command : command.join(" ");
    const text = shellText(command, options);
    // A subshell, so that nothing a command does (exit, cd, a syntax error) reaches the next one. What we have
    // quoted ourselves or what is only words needs no eval in it, which would cost the guest a second fork.
    const inner = text !== command || isPlainLine(text) ? text : `eval ${quote(text)}`;
    const mark = randomBytes(12).toString("hex");
    this.#busy = true;
    const stdout = this.#until(this.#commands, mark);
    const stderr = this.#until(this.#errors, mark);
    const both = Promise.all([stdout, stderr]).finally(() => {
      this.#busy = false;
    });
    both.catch(() => {});
    this.#commands.write(
      `( ${inner} ) </dev/null; dstate_code=$?; printf '\\n%s\\n' ${mark} >&2; printf '\\n%s %s\\n' ${mark} $dstate_code\n`,
    );
    const done = trace("guest", line);
    return await this.#machine
      .race(`"${line.slice(0, 80)}" in the guest`, options, async () => {
        const [out, err] = await both;
        const code = /^ (\d{1,3})$/.exec(out.tail)?.[1];
        if (code === undefined)
          throw new InfraError(`the guest's shell answered without an exit code: ${oneLine(out.tail)}`);
        return { stdout: out.text, stderr: err.text, code: Number(code) };
      })
      .finally(done);
  }

  async #until(socket: Socket, mark: string): Promise<Marked> {
    const output = new MarkedOutput(mark);
    const found = Promise.withResolvers<Marked>();
    const onData = (chunk: Buffer): void => {
      const marked = output.push(chunk);
      if (marked) found.resolve(marked);
    };
    const onClose = (): void => found.reject(new InfraError("the fast channel to the guest broke off"));
    socket.on("data", onData);
    socket.once("close", onClose);
    try {
      return await found.promise;
    } finally {
      socket.removeListener("data", onData);
      socket.removeListener("close", onClose);
    }
  }
}
