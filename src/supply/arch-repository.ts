import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../base/command.ts";
import { timeouts } from "../base/timeouts.ts";
import { download } from "./download.ts";
import type { IndexedPackage, IndexPlace } from "./package-index.ts";

/**
 * The packages of a repository of pacman. Its list is not signed, and only says what there is: each package is vouched
 * for by the signature beside it.
 *
 * @param name the repository's, such as `core`.
 * @returns undefined when there is no repository.
 * @throws {UnreachableError} when the place is out of reach.
 * @see https://wiki.archlinux.org/title/Pacman/Package_signing
 */
export async function readArchRepository(
  place: IndexPlace,
  name: string,
): Promise<IndexedPackage[] | undefined> {
  const { root, dir, signal, wants } = place;
  const [at, to] = [`${root}/${name}.db`, join(dir, "packages.db")];
  if ((await download(at, { to, signal })).type === "missing") return undefined;
  const files = join(dir, "packages");
  await mkdir(files);
  const install = "Install it: the package libarchive-tools has it (`dstate setup`).";
  const options = { within: timeouts.host.files, signal, install } as const;
  await command(["bsdtar", "-x", "-f", to, "-C", files, "--include", "*/desc"], options);
  const found: IndexedPackage[] = [];
  for (const folder of await readdir(files)) {
    const text = await readFile(join(files, folder, "desc"), "utf8").catch(() => "");
    const one = parseDesc(text, root);
    if (one && wants(one.name)) found.push(one);
  }
  await rm(files, { recursive: true });
  return found;
}

/** A package of a repository's list. */
export function parseDesc(text: string, root: string): IndexedPackage | undefined {
  const field = (name: string): string | undefined => new RegExp(`^%${name}%\\n(.*)$`, "m").exec(text)?.[1];
  const [name, version, file] = [field("NAME"), field("VERSION"), field("FILENAME")];
  if (!name || !version || !file || !/^[\w.+:~-]+$/.test(file)) return undefined;
  const url = `${root}/${file}`;
  return { name, version, url, check: { type: "signature", url: `${url}.sig` } };
}
