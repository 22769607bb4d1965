import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SymbolFlags, type Symbol as TypeSymbol } from "typescript/unstable/sync";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Declarations, entries, openDeclarations, type PublicName, typecheck } from "./declarations.ts";

/** What an example may take as given, and its type. */
const given: Readonly<Record<string, string>> = {
  vm: "Vm",
  signal: "AbortSignal",
  context: "Context",
  settings: "Settings",
  cell: "Cell",
  parts: "Parts",
  repro: "Repro<Observation>",
  trial: "TrialResult<Observation>",
  job: "GuestProcess",
  afterKill: "KillVerdict",
  thread: "StuckThread",
  log: "KernelLog",
  events: "readonly TraceEvent[]",
  text: "string",
  files: "readonly string[]",
  dir: "string",
  evidenceDir: "string",
};

/** Where an example has other names from. */
const libraries = [
  'import { readFile } from "node:fs/promises";',
  'import { join } from "node:path";',
  'import { defineConfig } from "vitest/config";',
];

interface Example {
  readonly of: string;
  readonly text: string;
}

let declarations: Declarations;
beforeAll(async () => {
  declarations = await openDeclarations();
}, 120_000);
afterAll(async () => await declarations[Symbol.asyncDispose]());

function examplesOf(symbol: TypeSymbol): string[] {
  const tags = declarations.checker.getJsDocTagsOfSymbol(symbol).filter(({ name }) => name === "example");
  return tags.map(({ text = "" }) => text.replace(/^```\w*\n|\n```$/g, ""));
}

/** The examples of a name and of its members. */
function allExamples({ name, symbol }: PublicName): Example[] {
  const members = [...symbol.getMembers().values(), ...symbol.getExports().values()];
  const own = members.filter((member) => declarations.placeOf(member) !== undefined);
  return [
    ...examplesOf(symbol).map((text) => ({ of: name, text })),
    ...own.flatMap((member) => examplesOf(member).map((text) => ({ of: `${name}.${member.name}`, text }))),
  ];
}

/** The module of an example. Its own names go before those that it takes as given, and those before what is imported. */
function moduleOf({ text }: Example): string {
  const own = [...text.matchAll(/^import .*$/gm)].map(([line]) => line);
  const body = text.replace(/^import .*\n/gm, "");
  const taken = new Set(own.flatMap((line) => line.match(/\w+/g) ?? []));
  const names = (entry: string): string =>
    declarations.names
      .filter((each) => each.entry === entry && !taken.has(each.name))
      .map(({ name }) => name)
      .join(", ");
  return [
    ...entries.map((entry) => `import { ${names(entry)} } from "./src/${entry}.js";`),
    ...libraries,
    ...own,
    "interface Observation { readonly afterKill: KillVerdict | undefined; readonly log: KernelLog }",
    ...Object.entries(given).map(([name, type]) => `declare const ${name}: ${type};`),
    ...(body.startsWith("export default ") ? [body] : ["export async function example() {", body, "}"]),
  ].join("\n");
}

test("every public function has an example", () => {
  const functions = declarations.names.filter(
    ({ symbol, typeOnly }) => !typeOnly && (symbol.flags & SymbolFlags.Function) !== 0,
  );
  expect(functions.length).toBeGreaterThan(20);
  expect(functions.filter(({ symbol }) => examplesOf(symbol).length === 0).map(({ name }) => name)).toEqual(
    [],
  );
});

test("every example of the public interface is accepted by the type checker", async () => {
  const examples = declarations.names.flatMap(allExamples);
  expect(examples.length).toBeGreaterThan(40);
  expect(await check(examples)).toBe("");
  // The check can fail.
  const wrong = { of: "openVm", text: "await openVm({ kernel: 6 });" };
  expect(await check([wrong])).toMatch(/^openVm-0\.ts\(\d+,\d+\): error TS/);
}, 600_000);

async function check(examples: readonly Example[]): Promise<string> {
  const files: string[] = [];
  for (const [index, example] of examples.entries()) {
    const file = `${example.of}-${index}.ts`;
    await writeFile(join(declarations.dir, file), moduleOf(example));
    files.push(file);
  }
  const config = join(declarations.dir, "examples.json");
  const compilerOptions = {
    module: "nodenext",
    target: "esnext",
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    exactOptionalPropertyTypes: true,
  };
  await writeFile(config, JSON.stringify({ compilerOptions, files }));
  return (await typecheck(config)).replaceAll(/^.*declarations-\w+\//gm, "");
}
