import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  circlesOf,
  importsOf,
  readRooms,
  readSources,
  readsEnvironment,
  roomOf,
  type Source,
  sharesOf,
  strayWords,
  upwardImports,
} from "./house.ts";
import { ownedWords } from "./house-words.ts";

const rooms = await readRooms();
const sources = await readSources();

/** The sources as they would be if one file imported one more. */
function withImport(path: string, to: string): Source[] {
  return sources.map((source) =>
    source.path === path ? { ...source, imports: [...source.imports, to] } : source,
  );
}

describe("the house", () => {
  test("has the rooms that docs/rooms.json lists, and no others", () => {
    expect([...new Set(sources.map(({ path }) => roomOf(path) ?? path))].sort()).toEqual(
      [...rooms, "index.ts"].sort(),
    );
  });

  test("is drawn in README.md with its rooms in their order", async () => {
    const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
    const picture = /^src\/\n((?: {2}\S.*\n)+)/m.exec(readme)?.[1] ?? "";
    expect([...picture.matchAll(/^ {2}([\w-]+)\//gm)].map(([, room]) => room)).toEqual(rooms);
  });

  test("imports downwards only", () => {
    expect(upwardImports(sources, rooms)).toEqual([]);
  });

  test("has no circle of imports", () => {
    expect(circlesOf(sources)).toEqual([]);
  });

  test("gives scripts every module that they load, also those that no compiler looks at", async () => {
    const scripts = new URL("../../scripts/", import.meta.url);
    const missing: string[] = [];
    for (const name of (await readdir(scripts)).filter((name) => name.endsWith(".mjs"))) {
      const place = new URL(name, scripts);
      for (const [, to = ""] of (await readFile(place, "utf8")).matchAll(/(?:from|import\() ?"(\.[^"]+)"/g))
        if (!existsSync(new URL(to, place))) missing.push(`${name}: ${to}`);
    }
    expect(missing).toEqual([]);
  });

  test("reads the environment in one place, and hands it to programs in one other", () => {
    expect(sources.filter(({ text }) => readsEnvironment(text)).map(({ path }) => path)).toEqual([
      "base/program.ts",
      "base/settings.ts",
    ]);
    expect(readsEnvironment("const { env } = import.meta; // process.env")).toBe(false);
  });

  test("writes its time-outs down in one table, base/timeouts.ts", async () => {
    const found: string[] = [];
    for (const { path } of sources) {
      // What a user's own repro begins with is the user's.
      if (path.startsWith("cli/templates/") || path === "base/timeouts.ts") continue;
      const lines = (await readFile(new URL(`../../src/${path}`, import.meta.url), "utf8")).split("\n");
      for (const [index, line] of lines.entries()) {
        const code = line.replace(/^\s*(\/?\*|\/\/).*$/, "").replace(/\/\*\*.*\*\//, "");
        if (/\b(within|deadline|silence|grace|first)\b[^"]{0,40}"\d+(\.\d+)?(ms|s|m|h)"/.test(code))
          found.push(`src/${path}:${index + 1}: ${line.trim()}`);
      }
    }
    expect(found).toEqual([]);
  });

  test("has no room with more than 15 % of its lines, and no file with more than 350", () => {
    expect([...sharesOf(sources)].filter(([, share]) => share > 0.15)).toEqual([]);
    expect(sources.filter(({ lines }) => lines > 350).map(({ path }) => path)).toEqual([]);
  });
});

describe("words of", () => {
  test.each(ownedWords)("$of, stand nowhere else", ({ words, rooms, exceptions }) => {
    expect(strayWords(sources, words, rooms, exceptions)).toEqual([]);
  });

  test("a table are found in strings, templates and patterns, and not in names and comments", () => {
    const stray = (text: string): string[] =>
      strayWords([{ path: "cli/x.ts", text, lines: 1, imports: [] }], /ttyS0/, ["platform"]);
    for (const text of ['"/dev/ttyS0"', "`console=ttyS0`", "/ttyS0$/"])
      expect(stray(`const a = ${text};`)).toHaveLength(1);
    expect(stray("const ttyS0 = 1; // ttyS0")).toEqual([]);
  });
});

describe("an import that does not belong", () => {
  test("from a lower room to a higher one is found", () => {
    expect(upwardImports(withImport("base/wait.ts", "cli/main.ts"), rooms)).toEqual([
      "base/wait.ts imports cli/main.ts",
    ]);
    expect(upwardImports(withImport("cli/main.ts", "index.ts"), rooms)).toEqual([
      "cli/main.ts imports index.ts",
    ]);
  });

  test("that closes a circle is found, be it through other files or to the file itself", () => {
    const [one] = sources.filter(({ imports }) => imports.length > 0);
    const [path, to] = [one?.path ?? "", one?.imports[0] ?? ""];
    expect(circlesOf(withImport(to, path))).toContainEqual(expect.arrayContaining([path, to]));
    expect(circlesOf(withImport("base/errors.ts", "base/errors.ts"))).toContainEqual(["base/errors.ts"]);
  });
});

describe("imports", () => {
  test.each([
    ['import { a } from "./a.ts";', "a value"],
    ['import type { A } from "./a.ts";', "a type"],
    ['import { type A } from "./a.ts";', "a type among values"],
    ['import "./a.ts";', "for its effects"],
    ['export { a } from "./a.ts";', "a value handed on"],
    ['export type { A } from "./a.ts";', "a type handed on"],
    ['export * as a from "./a.ts";', "everything under a name"],
    ['export type * from "./a.ts";', "all types"],
    ['const { a } = await import("./a.ts");', "at run time"],
    ['let a: import("./a.ts").A;', "a type where it is used"],
    ['type A = typeof import("./a.ts");', "the type of a module"],
  ])("are read: %s (%s)", (text) => {
    expect(importsOf(text)).toEqual(["./a.ts"]);
  });

  test("in a text of the program, and those of packages, are none", () => {
    expect(importsOf('const text = `\nimport { a } from "./a.ts";\n`; import { z } from "zod";')).toEqual([]);
  });
});
