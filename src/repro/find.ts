import { readdir, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { messageOf, UsageError } from "../base/errors.ts";
import type { Settings } from "../base/settings.ts";
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

/** Where repros are looked for: those that come with dstate, and those of the folder one stands in. */
function places(settings: Settings, cwd: string): string[] {
  return [
    ...new Set([join(cwd, "repros"), join(cwd, "tests/repros"), join(settings.homeDir, "tests/repros")]),
  ];
}

/**
 * Every repro that can be named by its id, and apart from them those that cannot be loaded. Folders without a
 * definition are passed over.
 */
export async function listRepros(
  settings: Settings,
  cwd: string = process.cwd(),
): Promise<{ readonly repros: readonly FoundRepro[]; readonly broken: readonly BrokenRepro[] }> {
  const repros: FoundRepro[] = [];
  const broken: BrokenRepro[] = [];
  const seen = new Set<string>();
  for (const place of places(settings, cwd)) {
    for (const entry of await readdir(place, { withFileTypes: true }).catch(() => [])) {
      const file = join(place, entry.name, "repro.ts");
      if (!entry.isDirectory() || seen.has(entry.name) || !(await isFile(file))) continue;
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
 */
export async function findRepro(
  name: string,
  settings: Settings,
  cwd: string = process.cwd(),
): Promise<FoundRepro> {
  if (name.includes("/") || name.endsWith(".ts")) {
    const path = isAbsolute(name) ? name : resolve(cwd, name);
    const file = (await isFile(path)) ? path : join(path, "repro.ts");
    if (!(await isFile(file)))
      throw new UsageError(`there is no repro at ${path}`, {
        next: "Give a folder that has a repro.ts, or the file itself.",
      });
    return { repro: await loadRepro(file), file };
  }
  for (const place of places(settings, cwd)) {
    const file = join(place, name, "repro.ts");
    if (await isFile(file)) return { repro: await loadRepro(file), file };
  }
  const known = (await listRepros(settings, cwd)).repros.map(({ repro }) => repro.id);
  throw new UsageError(`there is no repro "${name}"`, {
    next: `There are: ${known.join(", ")}. A path to your own works too: ./repros/${name}`,
  });
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
