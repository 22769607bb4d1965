import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { messageOf, UsageError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import type { Session } from "./session.ts";
import { reproTemplate } from "./templates/repro.ts";

/** `dstate new`: the folder of a new repro, which runs at once. */
export function addNew(program: Command, session: Session): void {
  program
    .command("new <id>")
    .description("write the folder of a new repro, ready to run")
    .option(
      "--in <folder>",
      "where its folder is made (default: tests/repros where there is one, else repros)",
    )
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample: dstate new my-report && dstate run my-report")
    .action(async (id: string, options: { in?: string; json?: boolean }) => {
      const { settings } = await session.context({ quiet: true });
      const cwd = process.cwd();
      const { folder, files, needsDstate } = await writeRepro(id, {
        cwd,
        homeDir: settings.homeDir,
        ...(options.in === undefined ? {} : { place: options.in }),
      });
      const shown = relative(cwd, folder);
      // By its name, where `dstate run` looks for it.
      const name = ["repros", join("tests", "repros")].includes(dirname(shown)) ? id : `./${shown}`;
      const text = (): string =>
        [
          ...files.map((file) => `wrote ${join(shown, file)}`),
          "",
          `Run it:   dstate run ${name}`,
          `Check it: dstate check ${name}`,
          `Test it:  npx vitest run ${shown}`,
          ...(needsDstate
            ? ["Before:   npm i -D dstate vitest (the test and your editor look for them)"]
            : []),
        ].join("\n");
      session.result("new", { id, folder, files, name, needsDstate }, { json: options.json, text });
    });
}

/** What {@link writeRepro} wrote. */
export interface WrittenRepro {
  readonly folder: string;
  /** Their paths in the folder. */
  readonly files: readonly string[];
  /** Editors, tsc and vitest do not find dstate from there; `dstate` itself needs no help. */
  readonly needsDstate: boolean;
}

/**
 * Write a new repro's folder.
 *
 * @param options.place where, from `cwd`. Default: `tests/repros` where there is one, else `repros`.
 * @throws {UsageError} when the id is not kebab-case, or the folder is there already or cannot be made.
 * @example await writeRepro("my-report", { cwd: process.cwd(), homeDir: settings.homeDir })
 */
export async function writeRepro(
  id: string,
  options: { readonly cwd: string; readonly homeDir: string; readonly place?: string },
): Promise<WrittenRepro> {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) {
    throw new UsageError(`a repro's id is kebab-case, such as "my-report"; found "${id}"`, {
      next: "The place for its folder is chosen with --in.",
    });
  }
  const { cwd, homeDir } = options;
  const tests = await readdir(join(cwd, "tests/repros")).then(
    () => "tests/repros",
    () => "repros",
  );
  const folder = resolve(cwd, options.place ?? tests, id);
  const library = libraryFor(folder, homeDir);
  const files = reproTemplate(id, { library, ownScope: !(await isModuleScope(dirname(folder))) });
  const next = "Choose another id, or another place with --in.";
  const refuse = (cause: unknown): never => {
    throw new UsageError(`${folder} cannot be made: ${messageOf(cause)}`, { next, cause });
  };
  await mkdir(dirname(folder), { recursive: true }).catch(refuse);
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") refuse(error);
    throw new UsageError(`${folder} exists already, and nothing in it was touched`, { next, cause: error });
  });
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  const needsDstate = library === "dstate" && !isInstalledFor(folder);
  return { folder, files: Object.keys(files), needsDstate };
}

/**
 * How a file in the folder imports dstate: inside a checkout by the path of its source, anywhere else by name, so
 * that the folder is good in any place and on any host.
 *
 * @example libraryFor("/checkout/repros/my-report", "/checkout") // "../../src"
 */
export function libraryFor(folder: string, homeDir: string): string {
  const within = relative(homeDir, folder);
  const inside =
    !within.startsWith("..") && !isAbsolute(within) && !folder.includes(`${sep}node_modules${sep}`);
  return inside ? relative(folder, join(homeDir, "src")) : "dstate";
}

const manifest = z.object({ type: z.string().optional() });

/** Whether Node takes a `.ts` or `.js` file in a folder that is about to be made for an ES module without a word. */
async function isModuleScope(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    const text = await readFile(join(at, "package.json"), "utf8").catch(() => undefined);
    if (text !== undefined) return manifest.safeParse(parseJson(text)).data?.type === "module";
    if (at === dirname(at)) return false;
  }
}

/** Whether a file in the folder finds dstate by itself, as an editor, tsc and vitest have to. */
function isInstalledFor(folder: string): boolean {
  for (let at = folder; at !== dirname(at); at = dirname(at))
    if (existsSync(join(at, "node_modules/dstate/package.json"))) return true;
  return false;
}
