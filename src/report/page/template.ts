import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../../base/command.ts";
import type { Context } from "../../base/context.ts";
import { InfraError } from "../../base/errors.ts";
import { longStep } from "../../base/past-durations.ts";
import { Store } from "../../base/store.ts";
import { timeouts } from "../../base/timeouts.ts";

/**
 * The page without data: the package has it built; a checkout builds it when its sources are new.
 *
 * @throws {InfraError} when it is neither there nor can be built.
 */
export async function pageTemplate(context: Context): Promise<string> {
  const { homeDir, cacheDir } = context.settings;
  const sources = join(homeDir, "src/page");
  const built = join(homeDir, "dist/page/index.html");
  if (!existsSync(sources)) {
    return await readFile(built, "utf8").catch((cause: unknown) => {
      throw new InfraError("this dstate has no page: its package is not whole", {
        next: "Install dstate again.",
        cause,
      });
    });
  }
  const store = new Store(join(cacheDir, "pages"));
  const key = await sourcesKey(homeDir);
  const entry = await store.findOrMake(
    key,
    { within: timeouts.make.page, signal: context.signal },
    async (dir, signal) => {
      await longStep(context, { title: "build the page", kind: "page", guess: "5s" }, async () => {
        const script = join(homeDir, "scripts/build-page.mjs");
        const argv = [process.execPath, script, join(dir, "index.html")];
        await command(argv, { within: timeouts.make.page, signal, cwd: homeDir });
      });
      return {};
    },
  );
  return await readFile(join(entry.dir, "index.html"), "utf8");
}

/** Names what the page is built from: its own room, what it shares with others, and the versions of packages. */
async function sourcesKey(homeDir: string): Promise<string> {
  const hash = createHash("sha256");
  const room = join(homeDir, "src/page");
  const own = (await readdir(room)).sort().map((name) => join(room, name));
  const shared = ["src/base/text.ts", "package-lock.json", "scripts/build-page.mjs"].map((path) =>
    join(homeDir, path),
  );
  for (const path of [...own, ...shared]) hash.update(await readFile(path)).update("\0");
  return hash.digest("hex").slice(0, 20);
}
