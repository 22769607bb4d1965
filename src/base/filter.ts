import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { MissingProgramError } from "./command.ts";
import { trace } from "./debug.ts";
import { InfraError } from "./errors.ts";
import { onProcessExit } from "./on-exit.ts";
import { hostEnvironment } from "./program.ts";

export interface FilterOptions {
  readonly signal: AbortSignal;
  /** What to say when the program is missing. */
  readonly install: string;
}

/** A program that read its input and could not make sense of it. */
export class FilterError extends InfraError {
  /** The end of what the program said. */
  readonly said: string;
  constructor(program: string, how: string, said: string) {
    super(`"${program}" failed with ${how}: ${said}`);
    this.said = said;
  }
}

/**
 * Run a program of the host over a stream of any length: what comes in goes to its standard input, what it prints
 * comes out piece by piece. Whoever stops reading ends it.
 *
 * @throws {FilterError} when the program ends with a code other than 0.
 * @throws {MissingProgramError} when it is not installed.
 * @example for await (const chunk of filter(["xz", "-dc"], createReadStream("log.xz"), { signal, install })) { ... }
 */
export async function* filter(
  argv: readonly [string, ...string[]],
  input: Readable,
  options: FilterOptions,
): AsyncGenerator<Buffer> {
  const [program, ...rest] = argv;
  options.signal.throwIfAborted();
  const done = trace("host", argv.join(" "));
  const child = spawn(program, rest, { stdio: ["pipe", "pipe", "pipe"], env: hostEnvironment() });
  const end = (): void => void child.kill("SIGKILL");
  using _onExit = onProcessExit(end);
  options.signal.addEventListener("abort", end, { once: true });
  const ended = Promise.withResolvers<string | undefined>();
  child.once("error", (error) => ended.reject(error));
  child.once("close", (code, signal) =>
    ended.resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)),
  );
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-2000);
  });
  // The program may end before it has read everything; its exit code tells what that means. A source that fails
  // is the caller's to hear of.
  const fed = pipeline(input, child.stdin).then(
    () => undefined,
    (error: unknown) => (input.errored && !isStdinClosed(error) ? error : undefined),
  );
  ended.promise.catch(() => {});
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const how = await ended.promise.catch((cause: unknown) => {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
        throw new MissingProgramError(program, { next: options.install, cause });
      }
      throw cause;
    });
    options.signal.throwIfAborted();
    if (how !== undefined) throw new FilterError(program, how, said.trim());
    const broken = await fed;
    if (broken !== undefined) throw broken;
  } finally {
    options.signal.removeEventListener("abort", end);
    end();
    input.destroy();
    done();
  }
}

/** What a source is destroyed with when the program has read enough. */
function isStdinClosed(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ERR_STREAM_PREMATURE_CLOSE" || code === "EPIPE";
}
