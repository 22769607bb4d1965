import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { command } from "./command.ts";
import { ownHome } from "./home.ts";
import { timeouts } from "./timeouts.ts";

const manifestSchema = z.object({ version: z.string() });

/** The version of this dstate, from its package.json. @example ownVersion() // "0.1.0" */
export function ownVersion(): string {
  return manifestSchema.parse(JSON.parse(readFileSync(join(ownHome(), "package.json"), "utf8"))).version;
}

/**
 * The version of this dstate as a report needs it: in a checkout also its commit, and whether files differ from it.
 *
 * @example await describeVersion() // "0.1.0 (1a2b3c4d5e6f, changed)"
 */
export async function describeVersion(home: string = ownHome()): Promise<string> {
  const version = ownVersion();
  // A package that lies in somebody else's repository has no commit of its own.
  const isCheckout = await stat(join(home, ".git")).then(
    () => true,
    () => false,
  );
  const commit = isCheckout ? await commitOf(home) : undefined;
  return commit === undefined ? version : `${version} (${commit})`;
}

/**
 * The commit that a folder is at, with ", changed" where files in it differ; undefined where git does not tell.
 *
 * @example await commitOf("/home/me/repros/my-report") // "1a2b3c4d5e6f"
 */
export async function commitOf(folder: string): Promise<string | undefined> {
  const git = async (...argv: string[]): Promise<string> =>
    (await command(["git", "-C", folder, ...argv], { within: timeouts.host.ask })).stdout.trim();
  try {
    const commit = await git("log", "-1", "--format=%h", "--abbrev=12", "--", ".");
    if (commit === "") return undefined;
    return (await git("status", "--porcelain", "--", ".")) === "" ? commit : `${commit}, changed`;
  } catch {
    return undefined;
  }
}
