import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../../../src/base/command.ts";
import type { PrepareContext } from "../../../src/index.ts";

/**
 * Fill an npm cache with everything the lock file names, so that `npm ci --offline` in the guest has all it
 * needs. The lock file in this folder names no registry; the copy for the guest names the one this host
 * uses, because an offline npm looks its cache up by address.
 */
export async function fillNpmCache({ dir, signal }: PrepareContext): Promise<void> {
  const project = join(dir, "npm-ci");
  const registry = (
    await command(["npm", "config", "get", "registry"], { within: "30s", signal, cwd: project })
  ).stdout.trim();
  const path = join(project, "package-lock.json");
  const lock: { packages: Record<string, { version?: string; resolved?: string }> } = JSON.parse(
    await readFile(path, "utf8"),
  );
  for (const [place, entry] of Object.entries(lock.packages)) {
    if (place === "" || entry.version === undefined) continue;
    const name = place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
    entry.resolved = `${registry.replace(/\/+$/, "")}/${name}/-/${name.slice(name.indexOf("/") + 1)}-${entry.version}.tgz`;
  }
  await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
  const cache = join(dir, "npm-cache");
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--cache", cache];
  await command(["npm", "ci", ...flags], { within: "10m", signal, cwd: project });
  await rm(join(project, "node_modules"), { recursive: true, force: true });
  await rm(join(cache, "_logs"), { recursive: true, force: true });
}
