import { readdir, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, UsageError } from "../base/errors.ts";
import type { Settings } from "../base/settings.ts";
import type { Repro } from "./define.ts";

/** A repro and the file that defines it. */
export interface FoundRepro {
  readonly repro: Repro;
  readonly file: string;
}

/** Where repros are looked for: those that come with dstate, and those of the folder one stands in. */
function places(settings: Settings, cwd: string): string[] {
  return [
    ...new Set([join(cwd, "repros"), join(cwd, "tests/repros"), join(settings.homeDir, "tests/repros")]),
  ];
}

/** Every repro that can be named by its id. Folders without a definition are passed over. */
export async function listRepros(settings: Settings, cwd: string = process.cwd()): Promise<FoundRepro[]> {
  const found = new Map<string, FoundRepro>();
  for (const place of places(settings, cwd)) {
    for (const entry of await readdir(place, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory() || found.has(entry.name)) continue;
      const file = join(place, entry.name, "repro.ts");
      if (await isFile(file)) found.set(entry.name, { repro: await load(file), file });
    }
  }
  return [...found.values()].sort((a, b) => a.repro.id.localeCompare(b.repro.id));
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
    return { repro: await load(file), file };
  }
  for (const place of places(settings, cwd)) {
    const file = join(place, name, "repro.ts");
    if (await isFile(file)) return { repro: await load(file), file };
  }
  const known = (await listRepros(settings, cwd)).map(({ repro }) => repro.id);
  throw new UsageError(`there is no repro "${name}"`, {
    next: `There are: ${known.join(", ")}. A path to your own works too: ./repros/${name}`,
  });
}

async function load(file: string): Promise<Repro> {
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new UsageError(`${file} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
  const repro = module.default;
  if (!isRepro(repro))
    throw new UsageError(`${file} should have \`export default defineRepro({ ... })\`, and has not`);
  return repro;
}

function isRepro(value: unknown): value is Repro {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    "run" in value &&
    typeof value.run === "function"
  );
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
