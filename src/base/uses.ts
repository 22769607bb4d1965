import { rmSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onProcessExit } from "./on-exit.ts";
import { isAlive, ownerOf, ownIdentity } from "./owner.ts";

/** Beside the entries of a store: who uses which, and when each was used last. */
const folder = ".used";

/**
 * Say that this process uses an entry of a store, until it ends. It is said before the entry is looked for: whoever
 * prunes looks for such words after having moved an entry away, and puts it back.
 *
 * A store that cannot be written to is one that nobody here prunes: that is no failure.
 *
 * @example await markUse("/home/me/.cache/dstate/kernels", "6.1.115-888386aeb7dfa29f7c90");
 */
export async function markUse(root: string, key: string): Promise<void> {
  const own = ownIdentity();
  const mark = join(root, folder, `${key}@${own.pid}-${own.startTime}`);
  const last = join(root, folder, key);
  try {
    await mkdir(join(root, folder), { recursive: true });
    const isNew = await stat(mark).then(
      () => false,
      () => true,
    );
    if (isNew) {
      await writeFile(mark, JSON.stringify(own));
      onProcessExit(() => rmSync(mark, { force: true }));
    }
    const now = new Date();
    await utimes(last, now, now).catch(async () => await writeFile(last, ""));
  } catch {
    // See above.
  }
}

/** Whether a process that lives uses an entry. What dead ones have said is removed. */
export async function isUsed(root: string, key: string): Promise<boolean> {
  for (const name of await readdir(join(root, folder)).catch(() => [] as string[])) {
    if (!name.startsWith(`${key}@`)) continue;
    const path = join(root, folder, name);
    const owner = ownerOf(await readFile(path, "utf8").catch(() => ""));
    if (owner && isAlive(owner)) return true;
    // Half written by one that has just begun: it is asked again.
    if (!owner && Date.now() - (await changed(path)) < justNow) return true;
    await rm(path, { force: true });
  }
  return false;
}

const justNow = 60_000;

/** When an entry was used last, in milliseconds since 1970; undefined: never since such things are written down. */
export async function lastUse(root: string, key: string): Promise<number | undefined> {
  return (await stat(join(root, folder, key)).catch(() => undefined))?.mtimeMs;
}

/** Forget when an entry was used that is gone. */
export async function forgetUses(root: string, key: string): Promise<void> {
  await rm(join(root, folder, key), { force: true });
}

async function changed(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}
