import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor } from "vite";
import { z } from "zod";

/** A source file, with the files of the project that it imports; all paths are below `src`. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly string[];
}

const home = fileURLToPath(new URL("../../", import.meta.url));

/** The rooms of `src`, from the lowest to the highest, as docs/rooms.json has them. */
export async function readRooms(): Promise<string[]> {
  const text = await readFile(join(home, "docs/rooms.json"), "utf8");
  const rooms = z
    .array(z.strictObject({ room: z.string(), holds: z.string().min(1) }))
    .parse(JSON.parse(text));
  return rooms.map(({ room }) => room);
}

/** Every source file below `src`. */
export async function readSources(): Promise<Source[]> {
  const root = join(home, "src");
  const names = (await readdir(root, { recursive: true })).filter((name) => /\.tsx?$/.test(name)).sort();
  return await Promise.all(
    names.map(async (path) => {
      const text = await readFile(join(root, path), "utf8");
      const imports = importsOf(text, path).map((to) => relative(root, join(root, dirname(path), to)));
      return { path, text, lines: text.split("\n").length - 1, imports };
    }),
  );
}

/**
 * What a TypeScript file imports from files of its own project: values and types, by statement and by expression.
 *
 * @example importsOf('export type { A } from "./a.ts"') // ["./a.ts"]
 */
export function importsOf(text: string, path = "source.ts"): string[] {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("; "));
  const found = new Set<string>();
  const add = (source: { readonly type: string; readonly value?: unknown } | null): void => {
    if (typeof source?.value === "string" && source.value.startsWith(".")) found.add(source.value);
  };
  new Visitor({
    ImportDeclaration: ({ source }) => add(source),
    ExportNamedDeclaration: ({ source }) => add(source),
    ExportAllDeclaration: ({ source }) => add(source),
    ImportExpression: ({ source }) => add(source),
    TSImportType: ({ source }) => add(source),
  }).visit(program);
  return [...found];
}

/**
 * What a TypeScript file says in its strings, templates and regular expressions: no names, and no comments.
 *
 * @example literalsOf("const a = 'x'; // y") // ["x"]
 */
export function literalsOf(text: string): string[] {
  const found: string[] = [];
  new Visitor({
    Literal: (node) => {
      if ("regex" in node) found.push(node.regex.pattern);
      else if (typeof node.value === "string") found.push(node.value);
    },
    TemplateElement: ({ value }) => {
      found.push(value.raw);
    },
  }).visit(parseSync("source.ts", text).program);
  return found;
}

/** Whether a TypeScript file reads the environment, or hands it on. */
export function readsEnvironment(text: string): boolean {
  let found = false;
  new Visitor({
    MemberExpression: ({ object, property }) => {
      if (object.type === "Identifier" && object.name === "process")
        found ||= property.type === "Identifier" && property.name === "env";
    },
  }).visit(parseSync("source.ts", text).program);
  return found;
}

/**
 * Words that stand outside the rooms that they belong to, one line each.
 *
 * @param exceptions by path: what may stand there all the same.
 */
export function strayWords(
  sources: readonly Source[],
  words: RegExp,
  rooms: readonly string[],
  exceptions: Readonly<Record<string, RegExp>> = {},
): string[] {
  return sources
    .filter(({ path }) => !rooms.includes(roomOf(path) ?? ""))
    .flatMap(({ path, text }) =>
      literalsOf(text)
        .filter((literal) => words.test(literal) && !exceptions[path]?.test(literal))
        .map((literal) => `${path}: ${literal}`),
    );
}

/** The room that a file below `src` is in; undefined: it is in none, as `index.ts`, the public interface. */
export function roomOf(path: string): string | undefined {
  return path.includes("/") ? path.split("/")[0] : undefined;
}

/** Imports that do not run downwards, one line each. A file in no room may import every room, and no room imports it. */
export function upwardImports(sources: readonly Source[], rooms: readonly string[]): string[] {
  const height = (path: string): number => {
    const room = roomOf(path);
    return room === undefined ? rooms.length : rooms.indexOf(room);
  };
  return sources.flatMap(({ path, imports }) =>
    imports.filter((to) => height(to) > height(path)).map((to) => `${path} imports ${to}`),
  );
}

/**
 * Files that import each other, directly or by way of others: one list a circle, sorted.
 *
 * @see https://en.wikipedia.org/wiki/Tarjan%27s_strongly_connected_components_algorithm
 */
export function circlesOf(sources: readonly Source[]): string[][] {
  const imports = new Map(sources.map(({ path, imports }) => [path, imports]));
  const order = new Map<string, number>();
  const open: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string): number => {
    const number = order.size;
    order.set(path, number);
    open.push(path);
    let low = number;
    for (const to of imports.get(path) ?? []) {
      if (!imports.has(to)) continue;
      if (!order.has(to)) low = Math.min(low, visit(to));
      else if (open.includes(to)) low = Math.min(low, order.get(to) ?? low);
    }
    if (low === number) {
      const circle = open.splice(open.indexOf(path));
      if (circle.length > 1 || imports.get(path)?.includes(path)) circles.push(circle.sort());
    }
    return low;
  };
  for (const { path } of sources) if (!order.has(path)) visit(path);
  return circles;
}

/** The share of all source lines that each room has, from 0 to 1. */
export function sharesOf(sources: readonly Source[]): ReadonlyMap<string, number> {
  const all = sources.reduce((sum, { lines }) => sum + lines, 0);
  const rooms = Map.groupBy(sources, ({ path }) => roomOf(path));
  const shares = new Map<string, number>();
  for (const [room, files] of rooms) {
    if (room !== undefined) shares.set(room, files.reduce((sum, { lines }) => sum + lines, 0) / all);
  }
  return shares;
}
