import type { MappedLine } from "../campaign/map/run.ts";
import { type BadRange, badRanges, numbersOf, unknownOf } from "./map-ranges.ts";

/** Languages that a gate is written in. */
export const gateLanguages = ["c", "node", "shell"] as const;
export type GateLanguage = (typeof gateLanguages)[number];

/** What a gate is made from. */
export interface GateFacts {
  readonly repro: string;
  readonly title: string;
  readonly lines: readonly Pick<MappedLine, "name" | "series" | "map" | "releases">[];
}

/**
 * Code that says whether the kernel it runs on has the bug. What is not known is taken for bad, and said in a comment:
 * a gate that closes too often costs less than one that does not.
 *
 * @example gate("c", { repro: "io-uring-dstate", title: "npm ci hangs", lines })
 */
export function gate(language: GateLanguage, facts: GateFacts): string {
  const ranges = facts.lines.flatMap(badRanges);
  const about = [
    `${facts.repro}: ${facts.title}`,
    "Found by `dstate map`. What is not known in these lines is taken for bad; other lines were not looked at.",
    ...facts.lines.flatMap(remarksOn),
  ].map((line) => line.replaceAll(/\s+/g, " ").replaceAll("*/", "* /"));
  return writers[language](ranges, about);
}

/** What a line's map leaves open, for a comment. */
function remarksOn({ name, map, releases }: GateFacts["lines"][number]): string[] {
  const [first, last] = [releases[0]?.version, releases.at(-1)?.version];
  if (!map.states.includes("bad"))
    return [
      map.states.includes("good")
        ? `${name}: not seen in ${first} to ${last}${map.states.includes("unknown") ? ", of which some are not known" : ""}`
        : `${name}: not known`,
    ];
  return [];
}

const writers: Readonly<
  Record<GateLanguage, (ranges: readonly BadRange[], about: readonly string[]) => string>
> = {
  c: (ranges, about) =>
    [
      "/*",
      ...about.map((line) => ` * ${line}`),
      " * uv__kernel_version() is 0x010203 for Linux 1.2.3; like it, this knows no patch level above 255.",
      " */",
      "static int kernel_has_bug(unsigned int version) {",
      ...ranges.flatMap((range) => {
        const [low, high] = boundsOf(range).map((numbers) => numbers && hexOf(numbers));
        return [
          `  /* ${commentOf(range)} */`,
          `  if (version >= ${low ?? hexOf(lineStart(range))} && version ${high === undefined ? `< ${hexOf(lineEnd(range))}` : `<= ${high}`})`,
          "    return 1;",
        ];
      }),
      "  return 0;",
      "}",
    ].join("\n"),
  node: (ranges, about) =>
    [
      'import os from "node:os";',
      "",
      ...about.map((line) => `// ${line}`),
      "// Debian's os.release() has no patch level; its os.version() has.",
      "export function kernelHasBug(release = os.release(), version = os.version()) {",
      "  const text = /Debian (\\d+\\.\\d+\\.\\d+)/.exec(version)?.[1] ?? release;",
      "  const [major, minor, patch = 0] = text.split(/[^\\d]+/).map(Number);",
      ...ranges.flatMap((range) => {
        const [low, high] = boundsOf(range);
        const [major, minor] = numbersOf(range.series);
        return [
          `  // ${commentOf(range)}`,
          `  if (${[`major === ${major}`, `minor === ${minor}`, ...(low ? [`patch >= ${low[2]}`] : []), ...(high ? [`patch <= ${high[2]}`] : [])].join(" && ")}) return true;`,
        ];
      }),
      "  return false;",
      "}",
    ].join("\n"),
  shell: (ranges, about) =>
    [
      ...about.map((line) => `# ${line}`),
      "# Debian's uname -r has no patch level; its uname -v has.",
      "kernel_has_bug() {",
      "  release=$(uname -v | sed -n 's/.*Debian \\([0-9]*\\.[0-9]*\\.[0-9]*\\).*/\\1/p')",
      '  [ -n "$release" ] || release=$(uname -r)',
      '  series=$(printf %s "$release" | cut -d. -f1,2 | cut -d- -f1)',
      '  patch=$(printf %s "$release" | cut -d. -f3 | sed "s/[^0-9].*//")',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
      "  patch=${patch:-0}",
      ...ranges.flatMap((range) => {
        const [low, high] = boundsOf(range);
        const tests = [
          `[ "$series" = ${range.series} ]`,
          ...(low ? [`[ "$patch" -ge ${low[2]} ]`] : []),
          ...(high ? [`[ "$patch" -le ${high[2]} ]`] : []),
        ];
        return [`  # ${commentOf(range)}`, `  if ${tests.join(" && ")}; then return 0; fi`];
      }),
      "  return 1;",
      "}",
    ].join("\n"),
};

type Numbers = readonly [number, number, number];

/** First and last release that are taken for bad; undefined: the line's own start or end. */
function boundsOf({ from, to }: BadRange): [Numbers | undefined, Numbers | undefined] {
  return [from === undefined ? undefined : numbersOf(from), to === undefined ? undefined : numbersOf(to)];
}

function lineStart({ series }: BadRange): Numbers {
  const [major, minor] = numbersOf(series);
  return [major, minor, 0];
}

function lineEnd({ series }: BadRange): Numbers {
  const [major, minor] = numbersOf(series);
  return [major, minor + 1, 0];
}

function hexOf(numbers: Numbers): string {
  return `0x${numbers.map((number) => Math.min(number, 255).toString(16).padStart(2, "0")).join("")}`;
}

function commentOf(range: BadRange): string {
  const { first, last } = range;
  const unknown = unknownOf(range);
  return `${first === last ? first : `${first} to ${last}`}${unknown === "" ? "" : `; ${unknown}`}`;
}
