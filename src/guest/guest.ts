import { trace } from "../base/debug.ts";
import { DeadlineError } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";
import type { WaitOptions } from "../base/wait.ts";
import type { GuestSystem } from "../image/system.ts";
import type { Machine } from "../machine/machine.ts";
import type { WatchGuest } from "./events.ts";
import { CommandDeadline, CommandFailed, collect, type ExecOptions, type ExecResult } from "./exec.ts";
import { FastShell } from "./fast-shell.ts";
import { BoundedOutput } from "./output.ts";
import { GuestProcess, type SpawnOptions } from "./process.ts";
import { type Command, type CommandPlace, shellText } from "./shell.ts";
import { connectSsh, type SshCommand, type SshConnection } from "./ssh.ts";
import { UnfinishedCommands } from "./unfinished.ts";

/** The system inside a machine, over ssh as root. */
export class Guest implements Disposable {
  readonly machine: Machine;
  /**
   * Which system it is, and how that is told what.
   *
   * @internal
   */
  readonly system: GuestSystem;
  /** @internal */
  readonly fast: FastShell;
  /**
   * Told of what is done to the guest, and what it answers.
   *
   * @internal
   */
  readonly watch: WatchGuest;
  /**
   * Commands that did not end, so far.
   *
   * @internal
   */
  readonly unfinished = new UnfinishedCommands();
  #lastCommand = 0;
  readonly #env: Readonly<Record<string, string>> | undefined;
  #connection: Promise<SshConnection> | undefined;

  /**
   * @param options.env laid below the environment that each command asks for.
   */
  constructor(
    machine: Machine,
    options: {
      readonly system: GuestSystem;
      readonly env?: Readonly<Record<string, string>> | undefined;
      readonly watch?: WatchGuest | undefined;
    },
  ) {
    this.machine = machine;
    this.system = options.system;
    this.#env = options.env;
    this.watch = options.watch ?? (() => {});
    this.fast = new FastShell(machine);
  }

  /** Wait until the guest's root shell answers on its fast channel. */
  async ready(options: WaitOptions): Promise<void> {
    if (this.fast.idle) await this.fast.exec(":", options);
    else await this.connect(options);
  }

  /** Open the ssh connection now, so that the first command over it does not wait for the handshake. */
  async connect(options: WaitOptions): Promise<void> {
    await this.machine.race("the guest's ssh", options, async (signal) => {
      await this.#connect(signal);
    });
  }

  /**
   * Run a small command of ours on whichever way in answers: the fast channel, or ssh while that is busy. An
   * exit by a signal may be told as its code, 128 + number.
   *
   * @throws {CommandFailed} on another exit code than 0, unless `allowFailure`.
   */
  async quick(command: Command, options: Omit<ExecOptions, "input"> = {}): Promise<ExecResult> {
    if (!this.fast.idle) return await this.exec(command, options);
    const result = await this.#watched("fast", command, options, async () => {
      const within = options.within ?? timeouts.guest.quick;
      const { code, stdout, stderr } = await this.fast.exec(command, { ...options, within });
      return { stdout, stderr, exitCode: code, signal: null, truncated: false };
    });
    const code = result.exitCode;
    if (options.allowFailure !== true && code !== 0) throw new CommandFailed(command, result);
    return result;
  }

  /**
   * Run a command and collect what it prints.
   *
   * @throws {CommandFailed} on another exit code than 0, unless `allowFailure`.
   * @throws {CommandDeadline} after `within`, with what it had printed: the command's channel is closed, whatever
   * state the process is in.
   * @example const { stdout } = await vm.guest.exec("uname -r");
   * @example await vm.guest.exec(["node", "-p", "process.versions.uv"], { within: "10s" });
   */
  async exec(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    const line = lineOf(command);
    const race = { within: options.within ?? timeouts.guest.exec, signal: options.signal };
    const what = `"${line.slice(0, 80)}" in the guest`;
    const output = { stdout: new BoundedOutput(), stderr: new BoundedOutput() };
    const ended = options.unwatched === true ? undefined : this.unfinished.begin(line, output);
    const done = trace("guest", line);
    const run = async (signal: AbortSignal): Promise<ExecResult> => {
      const started = await this.#start(shellText(command, this.#place(options)), signal);
      const closeOnAbort = (): void => started.channel.close();
      signal.addEventListener("abort", closeOnAbort, { once: true });
      try {
        return await collect(started, options.input, output);
      } finally {
        signal.removeEventListener("abort", closeOnAbort);
      }
    };
    const result = await this.#watched(
      "ssh",
      command,
      options,
      async () => await this.machine.race(what, race, run),
    )
      .catch((error: unknown) => {
        const isOurs = error instanceof DeadlineError && error.what === what;
        throw isOurs ? new CommandDeadline(error, output) : error;
      })
      .finally(done);
    ended?.();
    if (options.allowFailure !== true && result.exitCode !== 0) throw new CommandFailed(command, result);
    return result;
  }

  /**
   * Start a command and go on. The job is the command and every process it starts (they share its session).
   *
   * @example const npm = await vm.guest.spawn(["npm", "ci", "--offline"], { cwd: "/srv/work" });
   */
  async spawn(command: Command, options: SpawnOptions = {}): Promise<GuestProcess> {
    // sshd makes a session for each command: the shell's pid names it. The command keeps that pid.
    trace("guest", lineOf(command));
    const text = `echo $$; ${shellText(command, { ...options, env: this.#place(options).env ?? {} })}`;
    return await this.machine.race(
      "a command to start in the guest",
      { within: timeouts.guest.start, signal: options.signal },
      async (signal) => {
        const started = await this.#start(text, signal);
        const job = await GuestProcess.adopt(this, started, { ...options, signal });
        this.watch({ type: "job", pid: job.pid, command: lineOf(command) });
        void job.exited.then(this.unfinished.begin(lineOf(command), job));
        return job;
      },
    );
  }

  /**
   * Connect this process' terminal with a shell in the guest, until the shell or the machine ends.
   *
   * @returns the shell's exit code.
   */
  async interact(
    options: CommandPlace & { command?: Command | undefined; term?: string | undefined; signal: AbortSignal },
  ): Promise<number> {
    const { stdin, stdout } = process;
    const size = (): { rows: number; cols: number } => ({
      rows: stdout.rows ?? 24,
      cols: stdout.columns ?? 80,
    });
    const terminal = { ...size(), term: options.term ?? "xterm", width: 0, height: 0 };
    const text = shellText(options.command ?? this.system.loginShell, this.#place(options));
    return await this.machine.race(
      "the shell",
      { within: timeouts.guest.person, signal: options.signal },
      async (signal) => {
        const connection = await this.#connect(signal);
        const started = await connection.exec(text, signal, terminal);
        const { channel } = started;
        const resize = (): void => channel.setWindow(size().rows, size().cols, 0, 0);
        const ended = Promise.withResolvers<number>();
        channel.on("close", () => ended.resolve(started.exit?.exitCode ?? 1));
        signal.addEventListener("abort", () => channel.close(), { once: true });
        stdin.setRawMode(true);
        stdin.pipe(channel);
        channel.pipe(stdout, { end: false });
        stdout.on("resize", resize);
        try {
          return await ended.promise;
        } finally {
          stdout.removeListener("resize", resize);
          stdin.unpipe(channel);
          stdin.setRawMode(false);
          stdin.pause();
        }
      },
    );
  }

  [Symbol.dispose](): void {
    void this.#connection?.then((connection) => connection[Symbol.dispose]()).catch(() => {});
    this.#connection = undefined;
  }

  #place(asked: CommandPlace): CommandPlace {
    return this.#env ? { cwd: asked.cwd, env: { ...this.#env, ...asked.env } } : asked;
  }

  /** Tell whoever watches that a command begins and how it ends. */
  async #watched(
    way: "fast" | "ssh",
    command: Command,
    options: Pick<ExecOptions, "unwatched">,
    run: () => Promise<ExecResult>,
  ): Promise<ExecResult> {
    if (options.unwatched === true) return await run();
    this.#lastCommand += 1;
    const id = this.#lastCommand;
    this.watch({ type: "command", id, way, command: lineOf(command) });
    let exit: number | string | null = null;
    try {
      const result = await run();
      exit = result.signal ?? result.exitCode;
      return result;
    } finally {
      this.watch({ type: "command-end", id, exit });
    }
  }

  async #connect(signal: AbortSignal): Promise<SshConnection> {
    const present = await this.#connection?.catch(() => undefined);
    if (present && !present.closed) return present;
    this.#connection = connectSsh(this.machine, signal);
    return await this.#connection;
  }

  async #start(text: string, signal: AbortSignal): Promise<SshCommand> {
    const connection = await this.#connect(signal);
    return await connection.exec(text, signal);
  }
}

function lineOf(command: Command): string {
  return typeof command === "string" ? command : command.join(" ");
}
