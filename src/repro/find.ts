import { readdir, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, UsageError } from "../base/errors.ts";
import type { Repro } from "./define.ts";
import { loadRepro } from "./load.ts";

/** A repro and the file that defines it. */
export interface FoundRepro {
  readonly repro: Repro;
  readonly file: string;
}

/** A folder that should define a repro, and does not. */
export interface BrokenRepro {
  /** The folder's name. */
  readonly id: string;
  readonly file: string;
  /** What is wrong, as a sentence. */
  readonly problem: string;
}

/** The file of a folder that defines its repro: the first of these that is there. */
const definitions = ["repro.ts", "repro.mts", "repro.js", "repro.mjs"];

/** Those that come with dstate: as they are in a checkout, compiled in a package. */
const builtIn = fileURLToPath(new URL("../../tests/repros", import.meta.url));

/** Where repros are looked for: in the folder one stands in, then among those that come with dstate. */
function places(cwd: string): string[] {
  return [...new Set([join(cwd, "repros"), join(cwd, "tests/repros"), builtIn])];
}

/**
 * Every repro that can be named by its id, and apart from them those that cannot be loaded. Folders without a
 * definition are passed over.
 *
 * @example (await listRepros()).repros.map(({ repro }) => repro.id)
 */
export async function listRepros(
  cwd: string = process.cwd(),
): Promise<{ readonly repros: readonly FoundRepro[]; readonly broken: readonly BrokenRepro[] }> {
  const repros: FoundRepro[] = [];
  const broken: BrokenRepro[] = [];
  const seen = new Set<string>();
  for (const place of places(cwd)) {
    for (const entry of await readdir(place, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory() || seen.has(entry.name)) continue;
      const file = await definitionIn(join(place, entry.name));
      if (file === undefined) continue;
      seen.add(entry.name);
      try {
        repros.push({ repro: await loadRepro(file), file });
      } catch (error) {
        broken.push({ id: entry.name, file, problem: messageOf(error) });
      }
    }
  }
  return {
    repros: repros.sort((a, b) => a.repro.id.localeCompare(b.repro.id)),
    broken: broken.sort((a, b) => a.id.localeCompare(b.id)),
  };
}

/**
 * A repro by id, or by the path of its folder or file.
 *
 * @throws {UsageError} when there is none, naming those there are.
 * @example const { repro, file } = await findRepro("io-uring-dstate");
 */
export async function findRepro(name: string, cwd: string = process.cwd()): Promise<FoundRepro> {
  if (name.includes("/") || /\.[cm]?[jt]s$/.test(name)) {
    const path = isAbsolute(name) ? name : resolve(cwd, name);
    const file = (await isFile(path)) ? path : await definitionIn(path);
    if (file === undefined)
      throw new UsageError(`there is no repro at ${path}`, {
        next: `Give a folder that has a ${definitions.join(", ")}, or the file itself.`,
      });
    return { repro: await loadRepro(file), file };
  }
  for (const place of places(cwd)) {
    const file = await definitionIn(join(place, name));
    if (file !== undefined) return { repro: await loadRepro(file), file };
  }
  const known = (await listRepros(cwd)).repros.map(({ repro }) => repro.id);
  throw new UsageError(`there is no repro "${name}"`, {
    next: `There are: ${known.join(", ")}. A path to your own works too: ./repros/${name}`,
  });
}

async function definitionIn(folder: string): Promise<string | undefined> {
  for (const name of definitions) {
    const file = join(folder, name);
    if (await isFile(file)) return file;
  }
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
