import { readdirSync, rmSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { InfraError } from "../base/errors.ts";
import { isAlive, type Owner, ownerSchema, ownIdentity } from "../base/owner.ts";
import { parseJson } from "../base/parse-json.ts";

const recordSchema = z.object({
  owner: ownerSchema,
  qemu: ownerSchema.optional(),
  /** Folders elsewhere that go with it. */
  also: z.array(z.string()).optional(),
});

/**
 * A machine's short-lived files (sockets, seed), in one folder that names who made it, so that a later
 * start can remove what a killed run left behind.
 */
export interface RunDirectory extends AsyncDisposable {
  readonly path: string;
  /** The folder in it that is QEMU's own: what names the owner is out of its reach. */
  readonly own: string;
  /** Name a folder elsewhere that goes with it. */
  extend(path: string): Promise<void>;
  /** Name the QEMU process that belongs here. */
  claim(qemu: Owner): Promise<void>;
  /** Remove at once, without waiting: for a process that is about to end. */
  removeNow(): void;
}

/**
 * Make a run directory below `root`. Paths stay short: a UNIX socket's has at most 107 bytes.
 *
 * @throws {InfraError} when the root is somebody else's.
 */
export async function makeRunDirectory(root: string): Promise<RunDirectory> {
  await requireOwn(root);
  const owner = ownIdentity();
  const path = await mkdtemp(join(root, "m-"));
  const own = join(path, "q");
  const record = join(path, ownerFile);
  const also: string[] = [];
  let qemu: Owner | undefined;
  const write = async (): Promise<void> => await writeFile(record, JSON.stringify({ owner, qemu, also }));
  await write();
  await mkdir(own, { mode: 0o700 });
  return {
    path,
    own,
    extend: async (folder) => {
      also.push(folder);
      await write();
    },
    claim: async (process) => {
      qemu = process;
      await write();
    },
    removeNow: () => {
      const rest = readdirSync(path).filter((name) => name !== ownerFile);
      for (const each of [...also, ...rest.map((name) => join(path, name)), path])
        rmSync(each, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: async () => await remove(path, also),
  };
}

const ownerFile = "owner.json";

/**
 * Remove a machine's folders. What names their owner goes last: of whoever is killed in the middle of it, a later start
 * can remove the rest.
 */
async function remove(path: string, also: readonly string[]): Promise<void> {
  const rest = (await readdir(path).catch(() => [])).filter((name) => name !== ownerFile);
  for (const each of [...also, ...rest.map((name) => join(path, name)), path])
    await rm(each, { recursive: true, force: true });
}

/**
 * Make a folder for short-lived files, or see that it is this user's: in `/tmp` anybody may have made it, and what its
 * files say is believed.
 *
 * @throws {InfraError} when it is another user's, no folder, or one that others may write to.
 */
export async function requireOwn(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const why = await whyForeign(root);
  if (why === undefined) return;
  throw new InfraError(`the folder ${root} for machines' short-lived files ${why}`, {
    next: "Remove it, or set TMPDIR to a folder of your own.",
  });
}

async function whyForeign(root: string): Promise<string | undefined> {
  const found = await lstat(root);
  if (!found.isDirectory()) return "is no folder";
  if (process.getuid && found.uid !== process.getuid()) return "belongs to another user";
  return (found.mode & 0o022) === 0 ? undefined : "may be written to by others";
}

/**
 * End the machines and remove the folders of runs whose process is gone.
 *
 * @returns how many were removed: none where the root is somebody else's, for what lies there is not believed.
 */
export async function reap(root: string): Promise<number> {
  if ((await whyForeign(root).catch(() => "is not there")) !== undefined) return 0;
  let count = 0;
  for (const name of await readdir(root).catch(() => [] as string[])) {
    if (!name.startsWith("m-")) continue;
    const path = join(root, name);
    const text = await readFile(join(path, ownerFile), "utf8").catch(() => "");
    const record = recordSchema.safeParse(parseJson(text));
    // No record yet: the folder may be a second old. One without an owner for long is nobody's.
    if (!record.success || isAlive(record.data.owner)) continue;
    const { qemu, also = [] } = record.data;
    if (qemu && isAlive(qemu)) process.kill(qemu.pid, "SIGKILL");
    await remove(path, also);
    count += 1;
  }
  return count;
}
