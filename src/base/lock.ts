import { open } from "node:fs/promises";
import { CommandError, command } from "./command.ts";
import type { Within } from "./deadline.ts";
import { DeadlineError } from "./errors.ts";

export interface LockOptions {
  /** How long to wait for whoever has it. */
  readonly within: Within;
  readonly signal: AbortSignal;
  /** Told once when somebody else has the lock and we wait for it. */
  readonly onWait?: (() => void) | undefined;
}

/** A lock that is held. Dispose it to give it back. */
export interface Lock extends AsyncDisposable {
  /**
   * The open file that has the lock. A program that inherits it (`inherit` of {@link command}) has the lock too,
   * and so has what it starts: when we are killed, nobody gets the lock while one of them still works.
   */
  readonly descriptor: number;
}

/**
 * Hold a lock until it is disposed: one holder at a time, among all processes of this host and within this one.
 *
 * It is the kernel's own lock of an open file, so it ends with its holder, however that ends, and there is nothing
 * to clean up or to take over. The file's content means nothing, and the file stays: if it were removed, a process
 * that has it open and one that makes it anew would each lock a file of their own.
 *
 * Node cannot call flock(2). A lock belongs to the open file, not to who asked for it: the program `flock` locks
 * the one that it inherits from us, and ends.
 *
 * @param path the lock's file, made if it is not there; its folder exists.
 * @see https://man7.org/linux/man-pages/man2/flock.2.html
 * @see https://man7.org/linux/man-pages/man1/flock.1.html
 * @throws {DeadlineError} when nobody gives it back in time.
 * @throws {MissingProgramError} when the host has no `flock`.
 * @throws the signal's reason when it aborts while we wait.
 * @example await using _lock = await lockFile(join(dir, ".flock"), { within: "10m", signal });
 */
export async function lockFile(path: string, options: LockOptions): Promise<Lock> {
  const { within, signal } = options;
  const file = await open(path, "a");
  const run = {
    within,
    signal,
    inherit: [file.fd],
    install: "Install util-linux, which has `flock`.",
  } as const;
  try {
    if (!(await isFree(["flock", "--nonblock", inherited], run))) {
      options.onWait?.();
      // Nobody should wait for us when we are gone.
      await command(["setpriv", "--pdeathsig", "KILL", "--", "flock", inherited], run);
    }
    return { descriptor: file.fd, [Symbol.asyncDispose]: async () => await file.close() };
  } catch (error) {
    await file.close();
    throw error instanceof DeadlineError ? new DeadlineError(`the lock ${path}`, error.milliseconds) : error;
  }
}

/** Where a program finds the first file that it inherits: behind its standard streams. */
const inherited = "3";

async function isFree(argv: readonly string[], options: Parameters<typeof command>[1]): Promise<boolean> {
  try {
    await command(argv, options);
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.code === 1) return false;
    throw error;
  }
}
