import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { command } from "../base/command.ts";
import { InfraError, messageOf } from "../base/errors.ts";
import { timeouts } from "../base/timeouts.ts";

/** As much of package-lock.json as has to be known: its version 2 and 3. */
const lockSchema = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({ version: z.string().optional(), resolved: z.string().optional() }),
  ),
});

/**
 * Fill an npm cache with everything that a project's lock file names, so that `npm ci --offline` in a guest has all
 * it needs. A lock file that names no registry is given the one this host uses, for an offline npm looks its cache up
 * by address.
 *
 * @param project a folder with package.json and package-lock.json, a copy that may be changed.
 * @param options.cache where the cache is made.
 * @throws {InfraError} when the lock file cannot be read, or npm cannot fetch what it names.
 * @see https://docs.npmjs.com/cli/commands/npm-ci
 * @example await fillNpmCache(dir, { cache: join(dir, "npm-cache"), signal })
 */
export async function fillNpmCache(
  project: string,
  options: { readonly cache: string; readonly signal: AbortSignal },
): Promise<void> {
  const { signal, cache } = options;
  const asked = await command(["npm", "config", "get", "registry"], {
    within: timeouts.host.ask,
    signal,
    cwd: project,
  });
  const registry = asked.stdout.trim().replace(/\/+$/, "");
  const path = join(project, "package-lock.json");
  const lock = await readLock(path);
  for (const [place, entry] of Object.entries(lock.packages)) {
    if (place === "" || entry.version === undefined || entry.resolved !== undefined) continue;
    const name = place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
    entry.resolved = `${registry}/${name}/-/${name.slice(name.indexOf("/") + 1)}-${entry.version}.tgz`;
  }
  await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--cache", cache];
  await command(["npm", "ci", ...flags], { within: timeouts.make.workload, signal, cwd: project });
  await rm(join(project, "node_modules"), { recursive: true, force: true });
  await rm(join(cache, "_logs"), { recursive: true, force: true });
}

async function readLock(path: string): Promise<z.infer<typeof lockSchema>> {
  try {
    return lockSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new InfraError(`expected a lock file of npm 7 or newer at ${path}: ${messageOf(cause)}`, { cause });
  }
}
