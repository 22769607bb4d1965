import { dirname, join } from "node:path";
import { CommandError, command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { timeouts } from "../base/timeouts.ts";

/** A checkout of dstate, to be used as a person uses it. */
export class Checkout {
  readonly dir: string;
  readonly #signal: AbortSignal;

  constructor(dir: string, { signal }: Pick<Context, "signal">) {
    this.dir = dir;
    this.#signal = signal;
  }

  /**
   * Run its command line.
   *
   * @returns what it printed on standard output.
   * @throws {CommandError} when it ends with another code than 0; 1 of `dmesg` says that there are findings.
   */
  async dstate(argv: readonly string[], { cacheDir, onOutput }: HowToRun = {}): Promise<string> {
    const whole = [process.execPath, join(this.dir, "bin/dstate.mjs"), ...argv];
    try {
      const run = command(whole, {
        within: timeouts.host.bench,
        signal: this.#signal,
        ending: "orderly",
        // Its runs go beside its cache, and not among the user's.
        ...(cacheDir !== undefined && {
          cwd: dirname(cacheDir),
          env: { DSTATE_CACHE: cacheDir, DSTATE_CACHE_REGISTRY: undefined },
        }),
        ...(onOutput && { onOutput }),
      });
      return (await run).stdout;
    } catch (error) {
      if (error instanceof CommandError && error.code === 1 && argv[0] === "dmesg") return error.stdout;
      throw error;
    }
  }

  /**
   * Run all its tests, with the user's cache.
   *
   * @throws {CommandError} when one fails, with the end of what was printed.
   */
  async test(): Promise<void> {
    await command(["npm", "test"], {
      within: timeouts.host.bench,
      signal: this.#signal,
      ending: "orderly",
      cwd: this.dir,
    });
  }
}

interface HowToRun {
  /** In place of the user's. */
  readonly cacheDir?: string;
  /** Told of what it prints, as it does. */
  readonly onOutput?: (text: string) => void;
}
