import { chmod, copyFile, mkdir, readdir, readFile, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { keyOf } from "../base/store.ts";

/** One thing of ours in a guest's root file system, by its absolute path there. */
export type RootfsEntry =
  | { readonly type: "file"; readonly path: string; readonly from: string; readonly executable: boolean }
  | { readonly type: "link"; readonly path: string; readonly target: string };

const linksSchema = z.record(z.string().startsWith("/"), z.string().min(1));

/**
 * What we lay over the packages of a guest: the files below `rootfs/`, and the symbolic links that `links.json`
 * describes. The links are not in the tree itself because npm leaves links out of a package without a word.
 *
 * @param home the folder that has both
 * @see https://docs.npmjs.com/cli/v11/configuring-npm/package-json#files
 */
export async function readRootfs(home: string): Promise<RootfsEntry[]> {
  const root = join(home, "rootfs");
  const links = linksSchema.parse(JSON.parse(await readFile(join(home, "links.json"), "utf8")));
  const entries: RootfsEntry[] = Object.entries(links).map(([path, target]) => ({
    type: "link",
    path,
    target,
  }));
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const from = join(entry.parentPath, entry.name);
    const path = from.slice(root.length);
    if (!entry.isFile() || path in links)
      throw new Error(`${from} should be a file, or a line of links.json`);
    entries.push({ type: "file", path, from, executable: ((await stat(from)).mode & 0o111) !== 0 });
  }
  return entries;
}

/** Everything that makes the entries what they are, but not when they were checked out: for a cache key. */
export async function describeRootfs(entries: readonly RootfsEntry[]): Promise<string[]> {
  const lines = entries.map(async (entry) =>
    entry.type === "link"
      ? `${entry.path} -> ${entry.target}`
      : `${entry.path} ${entry.executable ? "x" : "-"} ${keyOf(await readFile(entry.from, "utf8"))}`,
  );
  return (await Promise.all(lines)).sort();
}

/** Write the entries below a new folder, with the modes a guest has whatever this host's umask is. */
export async function writeRootfs(entries: readonly RootfsEntry[], root: string): Promise<void> {
  const folders = new Set<string>(["/"]);
  for (const { path } of entries) for (let at = dirname(path); at !== "/"; at = dirname(at)) folders.add(at);
  // A folder sorts before what is in it.
  for (const folder of [...folders].sort()) {
    await mkdir(join(root, folder));
    await chmod(join(root, folder), 0o755);
  }
  for (const entry of entries) {
    const to = join(root, entry.path);
    if (entry.type === "link") await symlink(entry.target, to);
    else {
      await copyFile(entry.from, to);
      await chmod(to, entry.executable ? 0o755 : 0o644);
    }
  }
}
