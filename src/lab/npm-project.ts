import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UsageError } from "../base/errors.ts";
import { keyOf } from "../base/store.ts";
import { fillNpmCache } from "../runtime/offline-npm.ts";
import type { Preparation } from "./preparation.ts";

/**
 * A project of the host's as a guest's workload, with an npm cache of all its lock file names: in the guest,
 * `npm ci --offline --cache /srv/work/.npm-cache` needs no network.
 *
 * @param folder with package.json and package-lock.json. Nothing in it is changed.
 * @throws {UsageError} when there is no lock file.
 * @example await using vm = await openVm({ kernel: "6.1.129", node: "20.9.0", ...npmProject("./my-project") });
 */
export function npmProject(folder: URL | string): { readonly workload: URL; readonly prepare: Preparation } {
  const path = typeof folder === "string" ? resolve(folder) : fileURLToPath(folder);
  const lock = readLock(join(path, "package-lock.json"));
  return {
    workload: pathToFileURL(`${path}/`),
    prepare: {
      key: () => keyOf({ npmCache: 1, lock }),
      make: async ({ dir, signal }) => await fillNpmCache(dir, { cache: join(dir, ".npm-cache"), signal }),
    },
  };
}

function readLock(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new UsageError(`an npm project has a lock file, and there is none at ${path}`, {
      next: "Make one with `npm install --package-lock-only`.",
      cause,
    });
  }
}
