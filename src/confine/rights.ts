import { chmod, chown, copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { commonGroup, type Ids } from "./confinement.ts";
import type { View } from "./view.ts";

/** A file up to this size is copied for a confined program rather than given other rights. Bytes. */
const smallFile = 64 * 2 ** 20;

/**
 * Let a program that root starts as a user of its own read and write what it is shown, and no more. What it changes
 * is its own; what it only reads, and others read as well, is left alone where everybody may read it.
 *
 * @param copies a folder for copies of small files that it may not read, such as a kernel of root's: these are not
 *   ours, and their rights stay.
 * @param shared files of ours that several such programs open for writing at once, though none of them writes.
 * @returns which copy is shown in place of which file.
 */
export async function grantTo(
  ids: Ids,
  view: View,
  { copies, shared }: { readonly copies: string; readonly shared: readonly string[] },
): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  for (const [index, path] of view.read.entries()) {
    const { mode, size, gid, uid } = await stat(path);
    if ((mode & 0o004) !== 0 || (gid === commonGroup && (mode & 0o040) !== 0)) continue;
    if (size <= smallFile) {
      await mkdir(copies, { recursive: true });
      const copy = join(copies, `${index}-${basename(path)}`);
      await copyFile(path, copy);
      await chmod(copy, 0o444);
      sources.set(path, copy);
    } else {
      await chown(path, uid, commonGroup);
      await chmod(path, (mode & 0o777) | 0o040);
    }
  }
  for (const path of view.write) {
    if (!shared.includes(path)) {
      await chown(path, ids.uid, ids.gid);
      continue;
    }
    const { mode, gid, uid } = await stat(path);
    if (gid !== commonGroup) await chown(path, uid, commonGroup);
    if ((mode & 0o060) !== 0o060) await chmod(path, (mode & 0o777) | 0o060);
  }
  for (const path of view.folders) {
    await chown(path, ids.uid, ids.gid);
    for (const name of await readdir(path)) await chown(join(path, name), ids.uid, ids.gid);
  }
  return sources;
}

/** Files that a confined program has made or changed are this user's again. */
export async function takeBack(paths: readonly string[]): Promise<void> {
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  if (uid !== 0 || gid === undefined) return;
  for (const path of paths) await chown(path, uid, gid);
}
