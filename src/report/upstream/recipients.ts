import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { command } from "../../base/command.ts";
import { UsageError } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import { timeouts } from "../../base/timeouts.ts";
import type { UpstreamFacts } from "./facts.ts";
import { regzbotLine } from "./regzbot.ts";

/** Whom a report is for: people, and lists that are told as well. */
export interface Recipients {
  readonly people: readonly string[];
  readonly lists: readonly string[];
}

/** Lists that want to know of some bugs whatever the files are. @see https://docs.kernel.org/admin-guide/reporting-issues.html */
const stableList = "stable@vger.kernel.org";
const regressionsList = "regressions@lists.linux.dev";

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
): Promise<Recipients & { readonly files: readonly string[] }> {
  const root = resolve(tree);
  if (!existsSync(join(root, "scripts/get_maintainer.pl")))
    throw new UsageError(`${root} is no kernel tree: it has no scripts/get_maintainer.pl`);
  const files = await filesOf(facts, root, options.signal);
  if (files.length === 0) return { files, people: [], lists: [] };
  const argv = ["perl", "scripts/get_maintainer.pl", "--no-git", "--no-git-fallback", "--norolestats"];
  const { stdout } = await command([...argv, ...files.flatMap((file) => ["-f", file])], {
    within: timeouts.host.git,
    cwd: root,
    signal: options.signal,
  });
  const all = stdout
    .split("\n")
    .map((line) => oneLine(line, { maxLength: 200 }))
    .filter((line) => line !== "");
  const isPerson = (line: string): boolean => line.includes("<");
  const lists = new Set([
    ...all.filter((line) => !isPerson(line)).map((line) => line.split(" ")[0] ?? line),
    ...(isStable(facts) ? [stableList] : []),
    ...(regzbotLine(facts.bisect) === undefined ? [] : [regressionsList]),
  ]);
  return { files, people: all.filter(isPerson), lists: [...lists] };
}

/** Whether it was seen on a release of a stable series, as those who made it released it. */
function isStable({ parts, trial }: UpstreamFacts): boolean {
  return /^\d+\.\d+\.[1-9]\d*$/.test(parts?.kernel.version ?? trial.cell?.kernel ?? "");
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
