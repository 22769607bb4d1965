import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../base/errors.ts";
import type { Session } from "./session.ts";
import { reproTemplate } from "./templates/repro.ts";

/** `dstate new`: the folder of a new repro, which runs at once. */
export function addNew(program: Command, session: Session): void {
  program
    .command("new <id>")
    .description("write the folder of a new repro, ready to run")
    .option("--in <folder>", "where its folder is made", "repros")
    .addHelpText("after", "\nExample: dstate new my-report && dstate run my-report")
    .action(async (id: string, options: { in: string }) => {
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) {
        throw new UsageError(`a repro's id is kebab-case, such as "my-report"; found "${id}"`);
      }
      const { settings } = await session.context({ quiet: true });
      const folder = resolve(options.in, id);
      const files = reproTemplate(id, { library: libraryFor(folder, settings.homeDir) });
      await mkdir(dirname(folder), { recursive: true });
      await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
        throw new UsageError(
          error.code === "EEXIST"
            ? `${folder} exists already, and nothing in it was touched`
            : `${folder} cannot be made: ${error.message}`,
          { next: "Choose another id, or another place with --in.", cause: error },
        );
      });
      for (const [name, text] of Object.entries(files)) {
        const path = join(folder, name);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, text);
      }
      const shown = relative(process.cwd(), folder);
      session.print(
        [
          ...Object.keys(files).map((name) => `wrote ${join(shown, name)}`),
          "",
          `Run it: dstate run ./${shown}`,
        ].join("\n"),
      );
    });
}

/**
 * How a file in the folder imports dstate: by name where it is a dependency, else by the path of this checkout.
 *
 * @example libraryFor("/checkout/repros/my-report", "/checkout/") // "../../src"
 */
export function libraryFor(folder: string, homeDir: string): string {
  if (homeDir.includes(`${sep}node_modules${sep}`)) return "dstate";
  return relative(folder, join(homeDir, "src"));
}
