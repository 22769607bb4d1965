import type { BoundedOutput } from "./output.ts";

/** What a command in the guest has printed so far. */
export interface CommandOutput {
  readonly stdout: BoundedOutput;
  readonly stderr: BoundedOutput;
}

/** A command that was started and whose end nobody has seen. */
export interface UnfinishedCommand {
  readonly command: string;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it printed more than was kept. */
  readonly truncated: boolean;
}

/** More of them are not remembered: a trial may start commands for hours, and each may print megabytes. */
const most = 20;

/**
 * The commands of a guest that were started and did not end: those that still run, and those whose wait was given up.
 * What they printed is all that is known of them.
 */
export class UnfinishedCommands {
  readonly #commands = new Map<symbol, { readonly command: string; readonly output: CommandOutput }>();

  /** Remember a command that starts; call what is returned when its end was seen. */
  begin(command: string, output: CommandOutput): () => void {
    const id = Symbol(command);
    this.#commands.set(id, { command, output });
    const [oldest] = this.#commands.keys();
    if (this.#commands.size > most && oldest) this.#commands.delete(oldest);
    return () => void this.#commands.delete(id);
  }

  /** Them and what they printed, the one that was started first first. */
  list(): UnfinishedCommand[] {
    return [...this.#commands.values()].map(({ command, output: { stdout, stderr } }) => ({
      command,
      stdout: stdout.text,
      stderr: stderr.text,
      truncated: stdout.truncated || stderr.truncated,
    }));
  }
}
