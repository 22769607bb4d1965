import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { extname } from "node:path";

/** The package's entries, from this file: its source in a checkout, what was compiled of it in a package. */
const entries: Readonly<Record<string, string>> = {
  dstate: "../index",
  "dstate/vitest": "../vitest/index",
  "dstate/vitest/config": "../vitest/workers",
};

/**
 * From now on, files that import dstate by its name get this very dstate, wherever they are. So a repro runs from
 * a checkout, with a global installation and through npx, in a folder where dstate is not installed; and it is
 * never handed another version than the one that runs it.
 *
 * @see https://nodejs.org/docs/latest-v24.x/api/module.html#synchronous-hooks-accepted-by-moduleregisterhooks
 */
export function serveOwnLibrary(): void {
  const extension = extname(import.meta.filename);
  registerHooks({
    resolve: (specifier, context, next) => {
      const entry = ownModule(specifier, context.parentURL) ?? entries[specifier];
      if (entry === undefined) return next(specifier, context);
      return { url: new URL(`${entry}${extension}`, import.meta.url).href, shortCircuit: true };
    },
  });
}

/** Where packs of other hosts are unpacked, below the cache. */
export const packsFolder = "packs";

/**
 * A repro that comes with dstate imports its modules by a path that leads out of the repro's folder. Packed and
 * unpacked elsewhere, that path leads nowhere: it means this dstate's module all the same.
 */
function ownModule(specifier: string, parent: string | undefined): string | undefined {
  if (parent?.includes(`/${packsFolder}/`) !== true) return undefined;
  const path = /^(?:\.\.\/)+src\/(.+)\.[jt]s$/.exec(specifier)?.[1];
  return path === undefined || existsSync(new URL(specifier, parent)) ? undefined : `../${path}`;
}
