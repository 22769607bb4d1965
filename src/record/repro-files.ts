import { copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { sha256OfFile } from "../base/hash-file.ts";
import type { RunRecord } from "./run-record.ts";

/** More than this of a repro's own files is not copied; their hashes are recorded all the same. */
const mostBytes = 8 * 1024 ** 2;

/** The files of a repro's folder but for its tests and what npm put there; paths are below the folder. */
export async function reproFiles(file: string): Promise<string[]> {
  const root = dirname(file);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !/\.test\.[mc]?[jt]s$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split("/").includes("node_modules"))
    .sort();
}

/** Copy the files that define a repro, so that a run's folder says what was run also when they change later. */
export async function copyRepro(file: string, to: string): Promise<NonNullable<RunRecord["repro"]>> {
  const root = dirname(file);
  const files: Record<string, string> = {};
  let bytes = 0;
  for (const path of await reproFiles(file)) {
    const from = join(root, path);
    files[path] = await sha256OfFile(from);
    bytes += (await stat(from)).size;
    if (bytes > mostBytes) continue;
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(from, join(to, path));
  }
  return { file: basename(file), files };
}
