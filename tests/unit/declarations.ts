// The declarations that the package has, as a type checker sees them.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Node, SourceFile } from "typescript/unstable/ast";
import { isExportDeclaration, isNamedExports } from "typescript/unstable/ast/is";
import { API, type Checker, SymbolFlags, type Symbol as TypeSymbol } from "typescript/unstable/sync";
import { CommandError, command } from "../../src/base/command.ts";

export const home = fileURLToPath(new URL("../..", import.meta.url));

/** The entries of the package, by the module that each is. */
export const entries = ["index", "vitest/index", "vitest/workers"];

/** A name that an entry exports. */
export interface PublicName {
  readonly name: string;
  readonly entry: string;
  readonly symbol: TypeSymbol;
  /** It is there for a type checker only: nobody can construct it. */
  readonly typeOnly: boolean;
}

export interface Declarations extends AsyncDisposable {
  /** Where they are: `src/index.d.ts` and the others are below it. */
  readonly dir: string;
  readonly checker: Checker;
  readonly names: readonly PublicName[];
  /** Where a symbol of ours is declared, from the declarations' folder; undefined: it is somebody else's. */
  placeOf(symbol: TypeSymbol): string | undefined;
  /** What a name stands for, through all its imports. */
  target(symbol: TypeSymbol): TypeSymbol;
  nodesOf(symbol: TypeSymbol): Node[];
}

/** The type checker that the project has, for a project below it. @returns what it finds wrong. */
export async function typecheck(config: string): Promise<string> {
  const tsc = [join(home, "node_modules/.bin/tsc"), "--project", config, "--pretty", "false"];
  return await command(tsc, { within: "5m", cwd: home }).then(
    () => "",
    (error: unknown) => {
      if (error instanceof CommandError) return error.stdout;
      throw error;
    },
  );
}

/** Emit the declarations and open them. */
export async function openDeclarations(): Promise<Declarations> {
  // Below the checkout, so that the libraries whose types they name are found.
  await mkdir(join(home, "logs"), { recursive: true });
  const dir = await mkdtemp(join(home, "logs/declarations-"));
  const tsc = ["--project", "tsconfig.build.json", "--emitDeclarationOnly", "--sourceMap", "false"];
  await command([join(home, "node_modules/.bin/tsc"), ...tsc, "--outDir", dir], { within: "2m", cwd: home });
  const config = join(dir, "tsconfig.json");
  const files = entries.map((entry) => join(dir, `src/${entry}.d.ts`));
  const compilerOptions = { module: "nodenext", target: "esnext", strict: true, noEmit: true };
  await writeFile(config, JSON.stringify({ compilerOptions, files }));
  const api = new API({ cwd: dir });
  const [project] = api.updateSnapshot({ openProject: config }).getProjects();
  if (!project) throw new Error("the declarations should be one project");
  const { checker, program } = project;
  const target = (symbol: TypeSymbol): TypeSymbol =>
    (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
  const names = files.flatMap((file, index) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (!source || !module) throw new Error(`${file} should be a module`);
    const types = typeOnlyNames(source);
    return checker.getExportsOfModule(module).map((symbol) => ({
      name: symbol.name,
      entry: entries[index] ?? "",
      symbol: target(symbol),
      typeOnly: types.has(symbol.name),
    }));
  });
  return {
    dir,
    checker,
    names,
    target,
    placeOf: (symbol) => {
      const path = symbol.declarations.find((declaration) =>
        declaration.path.startsWith(`${dir}/src/`),
      )?.path;
      return path?.slice(dir.length + 5);
    },
    nodesOf: (symbol) => symbol.declarations.flatMap((declaration) => declaration.resolve(project) ?? []),
    [Symbol.asyncDispose]: async () => {
      api.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The names that a module exports as types, be they classes or not. */
function typeOnlyNames(source: SourceFile): Set<string> {
  const names = new Set<string>();
  for (const statement of source.statements) {
    if (!isExportDeclaration(statement) || !statement.exportClause || !isNamedExports(statement.exportClause))
      continue;
    for (const { name, isTypeOnly } of statement.exportClause.elements)
      if (statement.isTypeOnly || isTypeOnly) names.add(name.getText());
  }
  return names;
}
