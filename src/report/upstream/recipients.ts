import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { command } from "../../base/command.ts";
import { UsageError } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import { timeouts } from "../../base/timeouts.ts";
import type { UpstreamFacts } from "./facts.ts";

/**
 * Whom a report is for, by a kernel tree's own `scripts/get_maintainer.pl`: by the files of the culprit where a
 * bisection found a commit, else by the files that define the functions which the findings blame.
 *
 * @throws {UsageError} when the folder is no kernel tree.
 */
export async function recipientsOf(
  facts: UpstreamFacts,
  tree: string,
  options: { readonly signal: AbortSignal },
): Promise<{ readonly files: readonly string[]; readonly people: readonly string[] }> {
  const root = resolve(tree);
  if (!existsSync(join(root, "scripts/get_maintainer.pl")))
    throw new UsageError(`${root} is no kernel tree: it has no scripts/get_maintainer.pl`);
  const files = await filesOf(facts, root, options.signal);
  if (files.length === 0) return { files, people: [] };
  const argv = ["perl", "scripts/get_maintainer.pl", "--no-git", "--no-git-fallback", "--norolestats"];
  const { stdout } = await command([...argv, ...files.flatMap((file) => ["-f", file])], {
    within: timeouts.host.git,
    cwd: root,
    signal: options.signal,
  });
  const people = stdout.split("\n").map((line) => oneLine(line, { maxLength: 200 }));
  return { files, people: people.filter((line) => line !== "") };
}

/** Files of the tree that the findings are about, at most five. */
async function filesOf(facts: UpstreamFacts, root: string, signal: AbortSignal): Promise<string[]> {
  const named = facts.findings.flatMap(({ frames, guilty }) =>
    frames
      .filter((frame) => guilty !== undefined && frame.function.split(".")[0] === guilty)
      .flatMap(({ places }) => (places ?? []).map(({ file }) => file)),
  );
  const found = named.filter((file) => existsSync(join(root, file)));
  if (found.length > 0) return [...new Set(found)].slice(0, 5);
  const functions = new Set(
    facts.findings.flatMap(({ guilty }) => (guilty !== undefined && /^\w+$/.test(guilty) ? [guilty] : [])),
  );
  const files = new Set<string>();
  for (const name of functions) {
    // A definition begins a line; a call does not.
    const pattern = `^[a-zA-Z].*[ *]${name}\\(`;
    const argv = ["grep", "-rlE", "--include=*.c", pattern, "."];
    const { stdout } = await command(argv, { within: timeouts.host.git, cwd: root, signal }).catch(() => ({
      stdout: "",
    }));
    signal.throwIfAborted();
    for (const file of stdout.split("\n").filter(Boolean)) files.add(file.replace(/^\.\//, ""));
  }
  return [...files].sort().slice(0, 5);
}
