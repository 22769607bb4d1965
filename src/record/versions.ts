import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import type { RunRecord } from "./run-record.ts";

/** Which dstate this is: its version, and the commit of its checkout where it is one. */
export async function describeDstate(
  context: Pick<Context, "settings" | "signal">,
): Promise<RunRecord["dstate"]> {
  const { homeDir } = context.settings;
  const manifest: unknown = JSON.parse(readFileSync(join(homeDir, "package.json"), "utf8"));
  const { version } = z.object({ version: z.string() }).parse(manifest);
  const revision = existsSync(join(homeDir, ".git")) ? await revisionOf(homeDir, context.signal) : undefined;
  return { version, ...(revision === undefined ? {} : { revision }), node: process.versions.node };
}

/** A checkout without git is no trouble of the user's. */
async function revisionOf(dir: string, signal: AbortSignal): Promise<string | undefined> {
  const git = async (...words: string[]): Promise<string> =>
    (await command(["git", "-C", dir, ...words], { within: "10s", signal })).stdout.trim();
  try {
    const commit = await git("rev-parse", "--short=12", "HEAD");
    const changes = await git("status", "--porcelain", "--untracked-files=no");
    return changes === "" ? commit : `${commit}+`;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
