import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { Context } from "../base/context.ts";
import { buildTreeDir } from "./build-tree.ts";
import { guestConfiguration } from "./built-kernel.ts";
import { formatOptions } from "./configuration.ts";
import type { KernelOptions } from "./kernel.ts";

/** What builds in a git tree have read. */
export interface CompiledFiles {
  /** Paths below the top of the source: every file that was compiled or included, by Kbuild's own records. */
  readonly files: ReadonlySet<string>;
  /** What `uname -r` says of the kernel that was built last. */
  readonly version: string;
}

/**
 * The files that builds of a git tree have read, with the configuration of guests, from what Kbuild writes down of every
 * object's dependencies.
 *
 * @returns undefined when nothing was built in that tree.
 * @see https://docs.kernel.org/kbuild/makefiles.html (the .cmd files of if_changed_dep)
 * @example (await compiledFiles("/src/linux", {}, context))?.files.has("kernel/fork.c") // true
 */
export async function compiledFiles(
  tree: string,
  options: KernelOptions,
  context: Context,
): Promise<CompiledFiles | undefined> {
  const configuration = await guestConfiguration(context, options);
  if (typeof configuration.compiler !== "string") return undefined;
  const facts = {
    tree,
    configuration: formatOptions(configuration.options),
    compiler: configuration.compiler,
  };
  const dir = buildTreeDir(facts, context);
  const [source, objects] = [join(dir, "source"), join(dir, "objects")];
  const version = await readFile(join(objects, "include/config/kernel.release"), "utf8").catch(
    () => undefined,
  );
  if (version === undefined) return undefined;
  const files = new Set<string>();
  for (const entry of await readdir(objects, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".cmd")) continue;
    const text = await readFile(join(entry.parentPath, entry.name), "utf8");
    for (const path of dependencies(text)) {
      const below = relative(source, resolve(objects, path));
      if (!below.startsWith("..")) files.add(below);
    }
  }
  return files.size === 0 ? undefined : { files, version: version.trim() };
}

/**
 * The files that a .cmd file says an object was made from.
 *
 * @example dependencies("source_a.o := /src/a.c\n\ndeps_a.o := \\\n  /src/a.h \\\n") // ["/src/a.c", "/src/a.h"]
 */
export function dependencies(text: string): string[] {
  const [, source] = /^source_\S+ := (\S+)$/m.exec(text) ?? [];
  const [, list = ""] = /^deps_\S+ := ((?:.*\\\n)*.*)$/m.exec(text) ?? [];
  // `$(wildcard include/config/X)` stands for an option of the configuration.
  const headers = list
    .replaceAll(/\$\(wildcard [^)]*\)/g, "")
    .split(/[\s\\]+/)
    .filter((word) => word !== "");
  return [...(source === undefined ? [] : [source]), ...headers];
}

/** The folder that a path lies in, and those above it, but for the top. @example foldersOf("a/b/c.c") // ["a/b", "a"] */
export function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === "." ? [] : [folder, ...foldersOf(folder)];
}
