import { $, type ProcessOutput } from "zx";
import type { Duration } from "./duration.ts";
import { InfraError } from "./errors.ts";
import { onProcessExit } from "./on-exit.ts";
import { withDeadline } from "./wait.ts";

export interface CommandOptions {
  readonly within: Duration;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Buffer;
  /** Called with each piece of output, for progress. */
  readonly onOutput?: (text: string) => void;
  /** What to say when the program is missing, for example which package has it. */
  readonly install?: string;
}

/**
 * Run a program of the host and return what it printed. Arguments are passed as they are: there is no shell
 * string to quote for.
 *
 * @throws {InfraError} when it cannot be started or exits with a code other than 0, with the end of what it said.
 * @throws {DeadlineError} when it takes longer than `within`; it is killed then.
 * @example const { stdout } = await command(["qemu-img", "--version"], { within: "10s" });
 */
export async function command(argv: readonly string[], options: CommandOptions): Promise<ProcessOutput> {
  const [program = ""] = argv;
  return await withDeadline(`"${program}" to end`, options, async (signal) => {
    const shell = $({
      quiet: true,
      nothrow: true,
      // A process group of its own, so that all of it can be ended.
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: withSystemPrograms(options.env ?? process.env),
      ...(options.input === undefined ? {} : { input: options.input }),
    });
    const running = shell`exec ${argv}`;
    const end = (): void => killGroup(running.pid);
    using _onExit = onProcessExit(end);
    signal.addEventListener("abort", end, { once: true });
    if (options.onOutput) {
      const tell = (chunk: Buffer): void => options.onOutput?.(chunk.toString());
      running.stdout.on("data", tell);
      running.stderr.on("data", tell);
    }
    const output = await running;
    signal.throwIfAborted();
    if (output.exitCode === 0) return output;
    if (output.exitCode === 127) {
      throw new InfraError(`the program "${program}" is not installed`, {
        next: options.install ?? "Run `dstate doctor` to see what is missing and how to install it.",
      });
    }
    const said = tail(output.stderr || output.stdout);
    throw new InfraError(
      `"${argv.slice(0, 3).join(" ")}" failed with ${output.signal ?? `exit code ${output.exitCode}`}: ${said}`,
      {
        ...(/no space left on device/i.test(said)
          ? { next: "Free some disk space, or set DSTATE_CACHE to a larger disk." }
          : {}),
      },
    );
  });
}

/** Where mke2fs is: a user's PATH may lack it, though nothing in it needs root. */
function withSystemPrograms(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: `${env.PATH ?? "/usr/bin:/bin"}:/usr/sbin:/sbin` };
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function tail(text: string): string {
  return text.trim().split("\n").slice(-8).join("\n").slice(-2000);
}
