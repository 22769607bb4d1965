import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../base/errors.ts";
import { type ImageKind, imageKinds } from "../base/settings.ts";
import { either } from "../base/text.ts";
import { parseShard } from "../campaign/matrix/shard.ts";
import { checkNames, formatChanges, isKernelCheck } from "../kernel/changes.ts";
import { kernelExamples } from "../kernel/selector.ts";
import type { CellChoice } from "../lab/cell.ts";

/** The options that choose a cell, the same in every command. */
export interface CellOptions {
  readonly kernel?: string;
  /** As they stand at the end of a selector. */
  readonly with?: string;
  readonly revert?: string;
  readonly patch?: string;
  readonly node?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly image?: ImageKind;
  readonly cold?: boolean;
  readonly axis?: Readonly<Record<string, string>>;
}

/**
 * Add the options that choose a cell.
 *
 * @param options.several for a command that takes several kernels and knows no axes of a repro's own.
 * @param options.noKernel for a command that finds its kernels itself.
 */
export function addCellOptions(
  command: Command,
  options: { readonly several?: boolean; readonly noKernel?: boolean } = {},
): Command {
  const kinds = kernelExamples();
  if (options.several) command.option("--kernel <list>", `separated by commas: ${kinds}, or a range A..B`);
  else {
    if (options.noKernel !== true) command.option("--kernel <selector>", kinds);
    command.option(
      "--axis <NAME=VALUE>",
      "a value of one of the repro's own axes; may be repeated",
      collectPairs,
    );
  }
  addChangeOptions(command);
  return command
    .option("--node <version>", "a Node release, such as 20.9.0; or `image`: the one that a NixOS image has")
    .option("--env <NAME=VALUE>", "environment of the workload; may be repeated", collectPairs)
    .option("--cold", "boot each machine: neither use nor make a frozen one")
    .option("--image <kind>", either(imageKinds), (text: string) => imageKind(text));
}

/** Add the options that change a kernel which is built here. */
export function addChangeOptions(command: Command): Command {
  return command
    .option("--with <check>", `build the kernel with ${checkNames}; may be repeated`, checkedChange)
    .option("--patch <file>", "build it with a patch; may be repeated", collectChange("patch"))
    .option(
      "--revert <commit>",
      "build it without a commit of its tree; may be repeated",
      collectChange("revert"),
    );
}

/** What those options say, as it stands at the end of a selector. */
export function changesOf(options: Pick<CellOptions, "with" | "revert" | "patch">): string {
  return `${options.with ?? ""}${options.revert ?? ""}${options.patch ?? ""}`;
}

function checkedChange(text: string, before = ""): string {
  if (!isKernelCheck(text)) throw new InvalidArgumentError(`expected ${checkNames}.`);
  return `${before}${formatChanges([{ type: "with", check: text }])}`;
}

function collectChange(type: "patch" | "revert"): (text: string, before?: string) => string {
  return (text, before = "") => {
    if (type === "revert" && !/^[^+@\s-][^+@\s]*$/.test(text))
      throw new InvalidArgumentError("expected the id of a commit.");
    const change = type === "patch" ? { type, path: resolve(text) } : { type, revision: text };
    return `${before}${formatChanges([change])}`;
  };
}

/** A user's choice of cell. */
export function choiceOf(options: CellOptions): CellChoice {
  return {
    kernel: options.kernel,
    kernelChanges: changesOf(options),
    node: options.node,
    env: options.env,
    image: options.image,
    axes: options.axis,
  };
}

function collectPairs(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const match = /^([A-Za-z_][A-Za-z0-9_-]*)=(.*)$/s.exec(text);
  if (!match?.[1]) throw new InvalidArgumentError("expected NAME=VALUE.");
  return { ...before, [match[1]]: match[2] ?? "" };
}

/** A guest system, for options such as --image. */
export function imageKind(text: string): ImageKind {
  const kind = imageKinds.find((known) => known === text);
  if (kind === undefined)
    throw new InvalidArgumentError(`expected ${either(imageKinds.map((known) => `"${known}"`))}.`);
  return kind;
}

/** A whole number above zero, for options such as --trials. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("expected a whole number above zero.");
  return value;
}

/** `--shard`. @param what a job has a part of: `cells`, `releases`. */
export function shardOption(what: string): Option {
  return new Option(
    "--shard <n/of>",
    `only the ${what} of one of several jobs; \`dstate merge\` joins them`,
  ).argParser((text) => argument(() => parseShard(text)));
}

/** A mistake in an option's value, told as commander tells its own. */
export function argument<Value>(parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UsageError) throw new InvalidArgumentError(`${error.message}. ${error.next ?? ""}`);
    throw error;
  }
}
