import { rmSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { onProcessExit } from "./on-exit.ts";
import { isAlive, ownerOf, ownIdentity } from "./owner.ts";
import { pause } from "./wait.ts";

export interface LockOptions {
  readonly signal: AbortSignal;
  /** Told once when another process has the lock and we wait for it. */
  readonly onWait?: (() => void) | undefined;
}

/**
 * Hold a lock file until disposed. The lock of a process that is gone, however it went, is taken over.
 *
 * @param path the lock file; its folder exists.
 * @throws the signal's reason when it aborts while we wait.
 * @example await using _lock = await lockFile(join(dir, ".lock"), { signal });
 */
export async function lockFile(path: string, options: LockOptions): Promise<AsyncDisposable> {
  const own = JSON.stringify(ownIdentity());
  for (let waited = false; ; ) {
    try {
      await writeFile(path, own, { flag: "wx" });
      const hook = onProcessExit(() => rmSync(path, { force: true }));
      return {
        [Symbol.asyncDispose]: async () => {
          hook[Symbol.dispose]();
          await rm(path, { force: true });
        },
      };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const owner = ownerOf(await readFile(path, "utf8").catch(() => ""));
    if (owner && !isAlive(owner)) {
      await rm(path, { force: true });
      continue;
    }
    if (!waited) options.onWait?.();
    waited = true;
    await pause("200ms", options.signal);
  }
}
