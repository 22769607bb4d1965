import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InfraError, UsageError } from "../base/errors.ts";

/** One line of a fragment: what an option is to be. */
export interface ConfigOption {
  readonly name: string;
  /** As in a .config: `y`, `n`, a number or a quoted string. */
  readonly value: string;
  /** Kernels that do not know the option are built all the same. */
  readonly optional: boolean;
}

/**
 * Read a configuration fragment: `CONFIG_X=value` lines. A comment that starts with `# optional:` right above
 * an option says that some kernel versions do not know it.
 *
 * @throws {UsageError} when a line is neither an option nor a comment.
 * @example parseFragment("CONFIG_MEMBARRIER=n") // [{ name: "CONFIG_MEMBARRIER", value: "n", optional: false }]
 */
export function parseFragment(text: string): ConfigOption[] {
  const options: ConfigOption[] = [];
  let optional = false;
  for (const line of text.split("\n").map((line) => line.trim())) {
    if (line === "") continue;
    const [, unset] = /^# (CONFIG_\w+) is not set$/.exec(line) ?? [];
    const [, name = unset, value = "n"] = /^(CONFIG_\w+)=(.+)$/.exec(line) ?? [];
    if (name !== undefined) {
      options.push({ name, value, optional });
      optional = false;
    } else if (line.startsWith("#")) {
      optional ||= /^# optional:/i.test(line);
    } else {
      throw new UsageError(`"${line}" is no line of a kernel configuration`, {
        next: "Write options as in a .config: CONFIG_MEMBARRIER=n.",
      });
    }
  }
  return options;
}

/** Fragments as one set of options; of several values the last one counts. */
export function mergeFragments(fragments: readonly string[]): ConfigOption[] {
  const merged = new Map<string, ConfigOption>();
  for (const option of fragments.flatMap(parseFragment)) merged.set(option.name, option);
  return [...merged.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Options as the text that Kconfig's KCONFIG_ALLCONFIG and a cache key take. */
export function formatOptions(options: readonly ConfigOption[]): string {
  return options.map(({ name, value }) => `${name}=${value}\n`).join("");
}

export interface UnmetOption extends ConfigOption {
  /** What the finished .config says instead. */
  readonly found: string;
}

/**
 * The options a finished .config does not have as asked. Kconfig drops silently what it does not know and what
 * depends on something that is off.
 */
export function unmetOptions(options: readonly ConfigOption[], config: string): UnmetOption[] {
  const found = new Map(parseFragment(config).map(({ name, value }) => [name, value]));
  return options
    .map((option) => ({ ...option, found: found.get(option.name) ?? "n" }))
    .filter(({ value, found }) => value !== found);
}

/**
 * Check that a finished .config is what was asked for.
 *
 * @throws {InfraError} that names every option that did not come out as asked.
 */
export function checkConfiguration(options: readonly ConfigOption[], config: string, version: string): void {
  const unmet = unmetOptions(options, config).filter(({ optional }) => !optional);
  if (unmet.length === 0) return;
  const list = unmet.map(({ name, value, found }) => `${name}=${value} (is ${found})`).join(", ");
  throw new InfraError(`the configuration of Linux ${version} did not come out as asked: ${list}`, {
    next:
      "The option is unknown to this version, or something it depends on is off. " +
      "In vm/kernel/config, set what it depends on, or put a line `# optional: why` above it.",
  });
}

/** The fragments of the guest kernel's configuration, in the order of their names. */
export async function readFragments(homeDir: string): Promise<string[]> {
  const dir = join(homeDir, "vm", "kernel", "config");
  const names = (await readdir(dir)).filter((name) => name.endsWith(".config")).sort();
  return await Promise.all(names.map(async (name) => await readFile(join(dir, name), "utf8")));
}
