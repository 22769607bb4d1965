import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isAlive, type Owner, ownerSchema, ownIdentity } from "../base/owner.ts";
import { parseJson } from "../base/parse-json.ts";

const recordSchema = z.object({ owner: ownerSchema, qemu: ownerSchema.optional() });

/**
 * A machine's short-lived files (sockets, seed), in one folder that names who made it, so that a later
 * start can remove what a killed run left behind.
 */
export interface RunDirectory extends AsyncDisposable {
  readonly path: string;
  /** Name the QEMU process that belongs here. */
  claim(qemu: Owner): Promise<void>;
  /** Remove at once, without waiting: for a process that is about to end. */
  removeNow(): void;
}

/** Make a run directory below `root`. Paths stay short: a UNIX socket's has at most 107 bytes. */
export async function makeRunDirectory(root: string): Promise<RunDirectory> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const owner = ownIdentity();
  const path = await mkdtemp(join(root, "m-"));
  const record = join(path, "owner.json");
  await writeFile(record, JSON.stringify({ owner }));
  return {
    path,
    claim: async (qemu) => await writeFile(record, JSON.stringify({ owner, qemu })),
    removeNow: () => rmSync(path, { recursive: true, force: true }),
    [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }),
  };
}

/**
 * End the machines and remove the folders of runs whose process is gone.
 *
 * @returns how many were removed.
 */
export async function reap(root: string): Promise<number> {
  let count = 0;
  for (const name of await readdir(root).catch(() => [] as string[])) {
    if (!name.startsWith("m-")) continue;
    const path = join(root, name);
    const text = await readFile(join(path, "owner.json"), "utf8").catch(() => "");
    const record = recordSchema.safeParse(parseJson(text));
    // No record yet: the folder may be a second old. One without an owner for long is nobody's.
    if (!record.success || isAlive(record.data.owner)) continue;
    const qemu = record.data.qemu;
    if (qemu && isAlive(qemu)) process.kill(qemu.pid, "SIGKILL");
    await rm(path, { recursive: true, force: true });
    count += 1;
  }
  return count;
}
