import type { Within } from "../base/deadline.ts";
import { DeadlineError, DstateError } from "../base/errors.ts";
import { ConnectionLost } from "../machine/fault.ts";
import type { Command, CommandPlace } from "./shell.ts";
import type { CommandExit, SshCommand } from "./ssh.ts";
import type { CommandOutput } from "./unfinished.ts";

export interface ExecOptions extends CommandPlace {
  /** Default 60 s. */
  readonly within?: Within | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly input?: string | Buffer | undefined;
  /** Do not throw on a failing command: return its exit code or signal. */
  readonly allowFailure?: boolean | undefined;
  /** It is a look of ours and no step of a trial: whoever watches the guest is not told. */
  readonly unwatched?: boolean | undefined;
}

/** How a command in the guest ended. */
export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  /** Such as `SIGKILL`; null when it exited by itself. */
  readonly signal: string | null;
  /** Whether it printed more than was kept (16 MiB of each stream). */
  readonly truncated: boolean;
}

/** A command in the guest ended with another exit code than 0. */
export class CommandFailed extends DstateError {
  readonly result: ExecResult;
  constructor(command: Command, result: ExecResult) {
    const line = typeof command === "string" ? command : command.join(" ");
    const how = result.signal ? `signal ${result.signal}` : `exit code ${result.exitCode}`;
    super(`"${line.slice(0, 200)}" in the guest ended with ${how}: ${result.stderr.trim().slice(-500)}`);
    this.result = result;
  }
}

/** A command in the guest had not ended when its time was over. */
export class CommandDeadline extends DeadlineError {
  /** What it had printed by then, as far as it was kept (16 MiB of each stream). */
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;

  constructor(reached: DeadlineError, { stdout, stderr }: CommandOutput) {
    super(reached.what, reached.milliseconds);
    const last = (stderr.text.trim() || stdout.text.trim()).slice(-300);
    this.message = `${reached.message}; ${last === "" ? "it had printed nothing" : `it had printed last: ${last}`}`;
    this.stdout = stdout.text;
    this.stderr = stderr.text;
    this.truncated = stdout.truncated || stderr.truncated;
  }
}

/**
 * Collect what a started command prints until it ends.
 *
 * @param output is filled as it prints.
 * @throws {ConnectionLost} when the connection breaks off first.
 */
export async function collect(
  started: SshCommand,
  input: string | Buffer | undefined,
  output: CommandOutput,
): Promise<ExecResult> {
  const { channel } = started;
  const { stdout, stderr } = output;
  const ended = Promise.withResolvers<CommandExit>();
  channel.on("data", (chunk: Buffer) => stdout.add(chunk));
  channel.stderr.on("data", (chunk: Buffer) => stderr.add(chunk));
  channel.on("close", () => {
    if (started.exit) ended.resolve(started.exit);
    else
      ended.reject(new ConnectionLost("the ssh connection to the guest broke off before the command ended"));
  });
  channel.end(input);
  const how = await ended.promise;
  return {
    ...how,
    stdout: stdout.text,
    stderr: stderr.text,
    truncated: stdout.truncated || stderr.truncated,
  };
}
