import { Option } from "commander";

const flag = "--git-bisect-run";

/** The option of commands that say good or bad of one kernel. What it does, main.ts does at the very end. */
export function gitBisectOption(): Option {
  return new Option(flag, "exit codes for `git bisect run`: our failures 125, mistakes 255");
}

/**
 * Whether words of a command line ask for it. Also where they cannot be parsed: what is misspelt is no bug either.
 *
 * @example forGitBisect(["dstate", "run", "my-report", "--git-bisect-run"]) // true
 */
export function forGitBisect(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end < 0 ? argv : argv.slice(0, end)).includes(flag);
}
