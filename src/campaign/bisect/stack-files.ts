import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CommandError, command } from "../../base/command.ts";
import type { Context } from "../../base/context.ts";
import { parseJson } from "../../base/parse-json.ts";
import { timeouts } from "../../base/timeouts.ts";
import { isBlameless } from "../../kernel-log/guilty.ts";
import { type FindingKind, findingKinds } from "../../kernel-log/kernel-log.ts";
import type { LedgerTrial } from "../ledger.ts";

const findingsSchema = z.array(
  z.object({
    kind: z.string(),
    frames: z.array(z.object({ function: z.string(), reliable: z.boolean().optional() })).optional(),
  }),
);

/** So many functions of stacks are looked for; of a long chain the innermost tell most. */
const mostFunctions = 40;
/** Stacks of so many reproductions are read. */
const mostTrials = 5;

/**
 * The functions that the kernel's reports of reproductions name, but for those that every stack has: locks, waits, ways
 * into the kernel. The innermost come first.
 */
export async function functionsInStacks(
  trials: readonly Pick<LedgerTrial, "outcome" | "evidence">[],
): Promise<string[]> {
  const found = new Set<string>();
  const reproduced = trials.filter(({ outcome }) => outcome === "reproduced").slice(-mostTrials);
  for (const { evidence } of reproduced) {
    const text = await readFile(join(evidence, "findings.json"), "utf8").catch(() => undefined);
    for (const { kind, frames = [] } of findingsSchema.safeParse(parseJson(text ?? "")).data ?? [])
      for (const frame of frames) {
        const name = frame.function.replace(/\..*$/, "");
        const isPlain = /^[A-Za-z_]\w+$/.test(name) && frame.reliable !== false;
        if (isPlain && isKind(kind) && !isBlameless(kind, name)) found.add(name);
      }
  }
  return [...found].slice(0, mostFunctions);
}

function isKind(text: string): text is FindingKind {
  return Object.hasOwn(findingKinds, text);
}

/** Of more paths than this git is asked for all C files: a command line has its end. */
const mostPaths = 2000;

/**
 * The C files, of some, that define some functions, as far as a line tells: it begins with a letter, has the name and
 * a bracket, and does not end as a declaration does.
 *
 * @param functions plain names.
 * @param paths the files that are looked through, as they are in the commit.
 * @throws {InfraError} when git cannot tell.
 */
export async function filesOfFunctions(
  functions: readonly string[],
  {
    tree,
    commit,
    paths,
  }: { readonly tree: string; readonly commit: string; readonly paths: readonly string[] },
  { signal }: Pick<Context, "signal">,
): Promise<string[]> {
  const sources = paths.filter((path) => path.endsWith(".c"));
  if (functions.length === 0 || sources.length === 0) return [];
  const pattern = `^[A-Za-z_].*\\b(${functions.join("|")})\\([^;]*$`;
  const argv = ["grep", "--name-only", "-I", "-E", "-e", pattern, commit, "--"];
  const where = sources.length > mostPaths ? ["*.c"] : sources.map((path) => `:(literal)${path}`);
  try {
    const { stdout } = await command(["git", "-C", tree, ...argv, ...where], {
      within: timeouts.host.git,
      signal,
    });
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => line.slice(commit.length + 1));
  } catch (error) {
    // Nothing was found.
    if (error instanceof CommandError && error.code === 1) return [];
    throw error;
  }
}
