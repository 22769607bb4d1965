import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Within } from "./deadline.ts";
import { trace } from "./debug.ts";
import { InfraError } from "./errors.ts";
import { hostTroubleIn } from "./host-trouble.ts";
import { onProcessExit } from "./on-exit.ts";
import { letOthersFirst } from "./priority.ts";
import { hostEnvironment } from "./program.ts";
import { withDeadline } from "./wait.ts";

export interface CommandOptions {
  readonly within: Within;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  /** Laid over this process' own environment; undefined takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** In place of this process' own environment, for a program that is not to know it. */
  readonly onlyEnv?: NodeJS.ProcessEnv | undefined;
  readonly input?: string | Buffer;
  /** Called with each piece of output, for progress. */
  readonly onOutput?: (text: string) => void;
  /**
   * How it is ended before its time: `at-once` by SIGKILL; `orderly`, for a program that has things to remove, by
   * SIGTERM, and by SIGKILL only when it is still there after some seconds. Default `at-once`.
   */
  readonly ending?: "at-once" | "orderly";
  /** Whether everything else on the host goes first: for long work beside which somebody waits for something else. */
  readonly inBackground?: boolean;
  /** What to say when the program is missing, for example which package has it. */
  readonly install?: string;
  /** Open files that the program gets as its descriptors 3, 4, ...: see {@link Lock}. */
  readonly inherit?: readonly number[] | undefined;
}

/** What a program of the host printed before it ended well. */
export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that this host does not have. */
export class MissingProgramError extends InfraError {
  override readonly name = "MissingProgramError";
  readonly program: string;
  constructor(
    program: string,
    options: { readonly next?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(`the program "${program}" is not installed`, {
      next: options.next ?? "Run `dstate doctor` to see what is missing and how to install it.",
      cause: options.cause,
    });
    this.program = program;
  }
}

/**
 * A program that is there but made for another system: what it names as its loader or interpreter is not. A program
 * that is built for any Linux, such as an official Node, looks for `/lib64`, which NixOS has not.
 */
export class ForeignProgramError extends InfraError {
  override readonly name = "ForeignProgramError";
  constructor(program: string, options: { readonly cause?: unknown } = {}) {
    super(`"${program}" is there, but what it names as its loader or interpreter is not`, {
      next: "Use a program of this system in its place; on NixOS, `nix develop` has those that dstate runs.",
      cause: options.cause,
    });
  }
}

/** A program of the host that ended with another exit code than 0, or by a signal. */
export class CommandError extends InfraError {
  override readonly name = "CommandError";
  /** The program's exit code; null: a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  constructor(
    argv: readonly string[],
    ended: { code: number | null; signal: string | null; stdout: string; stderr: string },
  ) {
    const said = tail(ended.stderr || ended.stdout);
    const trouble = hostTroubleIn(said);
    super(
      `"${argv.slice(0, 3).join(" ")}" failed with ${ended.signal ?? `exit code ${ended.code}`}: ${said}`,
      trouble ? { next: trouble.next } : {},
    );
    this.code = ended.code;
    this.stdout = ended.stdout;
    this.stderr = ended.stderr;
  }
}

/** Milliseconds that a program has to end orderly. */
const graceOfOrderly = 8000;

/** More than this of a program's output is nothing that we read. */
const mostOutput = 256 * 1024 ** 2;

/**
 * Run a program of the host and return what it printed. There is no shell in between: the arguments reach it as
 * they are, and a program that is missing is told from one that fails. It runs in the C locale, for what it says
 * is read.
 *
 * @throws {MissingProgramError} when there is no such program.
 * @throws {ForeignProgramError} when it is there but made for another system.
 * @throws {CommandError} when it exits with a code other than 0, with the end of what it said.
 * @throws {DeadlineError} when it takes longer than `within`; it is killed then.
 * @example const { stdout } = await command(["qemu-img", "--version"], { within: "10s" });
 */
export async function command(argv: readonly string[], options: CommandOptions): Promise<CommandOutput> {
  const [program = "", ...rest] = argv;
  const orderly = options.ending === "orderly";
  const limits = orderly ? { ...options, grace: graceOfOrderly + 1000 } : options;
  return await withDeadline(`"${program}" to end`, limits, async (signal) => {
    signal.throwIfAborted();
    const done = trace("host", argv.join(" "));
    const child = spawn(program, rest, {
      // A process group of its own, so that all of it can be ended.
      detached: true,
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe", ...(options.inherit ?? [])],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.onlyEnv ?? hostEnvironment(options.env),
    });
    if (options.inBackground === true && child.pid !== undefined) letOthersFirst(child.pid);
    let insist: NodeJS.Timeout | undefined;
    const end = (): void => {
      killGroup(child.pid, orderly ? "SIGTERM" : "SIGKILL");
      if (orderly) insist ??= setTimeout(() => killGroup(child.pid, "SIGKILL"), graceOfOrderly);
    };
    using _onExit = onProcessExit(end);
    signal.addEventListener("abort", end, { once: true });
    const ended = Promise.withResolvers<{ code: number | null; signal: string | null }>();
    child.once("error", (cause: NodeJS.ErrnoException) =>
      ended.reject(
        cause.code !== "ENOENT" || (options.cwd !== undefined && !existsSync(options.cwd))
          ? new InfraError(`"${program}" could not be started: ${cause.message}`, { cause })
          : program.includes("/") && existsSync(program)
            ? new ForeignProgramError(program, { cause })
            : new MissingProgramError(program, { next: options.install, cause }),
      ),
    );
    child.once("close", (code, by) => ended.resolve({ code, signal: by }));
    const stdout = collect(child.stdout, options.onOutput);
    const stderr = collect(child.stderr, options.onOutput);
    // A program that ends before it has read its input tells why by its exit code.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input);
    try {
      const how = await ended.promise;
      signal.throwIfAborted();
      const output = { stdout: stdout(), stderr: stderr() };
      if (how.code === 0) return output;
      throw new CommandError(argv, { ...how, ...output });
    } finally {
      clearTimeout(insist);
      signal.removeEventListener("abort", end);
      done();
    }
  });
}

function collect(
  stream: NodeJS.ReadableStream | null,
  tell: ((text: string) => void) | undefined,
): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on("data", (chunk: Buffer) => {
    tell?.(chunk.toString());
    size += chunk.length;
    if (size <= mostOutput) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}

function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch {
    // It has ended by itself.
  }
}

function tail(text: string): string {
  return text.trim().split("\n").slice(-8).join("\n").slice(-2000);
}
