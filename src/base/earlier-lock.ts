import { rmSync } from "node:fs";
import { link, readFile, rm } from "node:fs/promises";
import { onProcessExit } from "./on-exit.ts";
import { isAlive, ownerOf } from "./owner.ts";
import { pause } from "./wait.ts";

/**
 * Wait for, and be waited for by, dstate of before November 2026, whose lock was a file that names its owner: taken
 * by making it, given back by removing it. Two of those could both take over what a dead one had left. So this is no
 * lock, only courtesy where nothing breaks when two do the same thing: it keeps them from doing it twice.
 *
 * A file whose owner is gone, or that names none, is nobody's lock. It is left where it is: whoever removed it might
 * remove one that an earlier dstate has just made in its place.
 *
 * @param path the lock file of earlier versions; who calls holds the lock of this version.
 * @param options.owner a file that names this process, on the same file system. The lock file appears as another
 *   name of it, complete: earlier versions wait without end for one that names nobody.
 * @throws the signal's reason when it aborts while we wait.
 */
export async function besideEarlierVersions(
  path: string,
  options: {
    readonly owner: string;
    readonly signal: AbortSignal;
    readonly onWait?: (() => void) | undefined;
  },
): Promise<AsyncDisposable> {
  for (let waited = false; ; ) {
    if (await appears(options.owner, path)) return remover(path);
    const text = await readFile(path, "utf8").catch((error: unknown) =>
      is("ENOENT", error) ? undefined : "",
    );
    const owner = ownerOf(text ?? "");
    if (text !== undefined && !(owner && isAlive(owner))) return { [Symbol.asyncDispose]: async () => {} };
    if (owner && !waited) options.onWait?.();
    waited ||= owner !== undefined;
    await pause("200ms", options.signal);
  }
}

function remover(path: string): AsyncDisposable {
  const hook = onProcessExit(() => rmSync(path, { force: true }));
  return {
    [Symbol.asyncDispose]: async () => {
      hook[Symbol.dispose]();
      await rm(path, { force: true });
    },
  };
}

async function appears(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (is("EEXIST", error)) return false;
    throw error;
  }
}

function is(code: string, error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
