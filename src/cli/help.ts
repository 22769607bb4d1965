import { type Command, Help } from "commander";
import { wrap } from "../report/wrap.ts";

/** Commands that somebody wants together, by name or several names with commas, with a line about each. */
interface Group {
  readonly title: string;
  readonly commands: Readonly<Record<string, string>>;
}

/** Every command, by what one has or wants. */
export const groups: readonly Group[] = [
  {
    title: "I have a report",
    commands: {
      new: "write the folder of a repro that runs at once",
      "run, replay": "run a repro in one cell: is it there? a recorded run, again",
      "check, hunt": "is its bad cell bad, its control clean? a rare race, recorded",
      "matrix, worker": "in which cells it fails, how often; run trials for others",
      "map, bisect": "which releases have it; what broke it, or mended it",
      shell: "a terminal in a machine of a cell",
      "attach, why": "a wedged machine as it was; who waits for whom in it",
      "show, merge": "a run as a page: time axes, logs; shards as one run",
      "pack, rerun": "a run as one file that others run again",
      repros: "the repros there are",
    },
  },
  {
    title: "I have a test suite, or any command",
    commands: { exec: "run it on any kernels (in vitest: import from dstate/vitest)" },
  },
  {
    title: "I have a log, or an addon that does not load",
    commands: {
      dmesg: "what went wrong, in a kernel log of any kind",
      tls: "who takes the static thread-local storage",
    },
  },
  {
    title: "My machine",
    commands: {
      "doctor, setup": "what it has and lacks, whether KVM works; install it",
      "kernels, images": "list, get, build or pin them",
      "bench, cache": "how fast things are here; what the cache holds",
    },
  },
];

/**
 * The help of the whole program: it fits a terminal of 80 columns and 24 lines, prompt included.
 *
 * @param names of the commands there are; what no group has comes last.
 */
export function rootHelp(names: readonly string[]): string {
  const titles = groups.flatMap(({ commands }) => Object.keys(commands));
  const column = Math.max(...[...names, ...titles].map((name) => name.length)) + 2;
  const known = groups.flatMap(({ commands }) => Object.keys(commands).flatMap((name) => name.split(", ")));
  const others = names.filter((name) => !known.includes(name));
  const rest =
    others.length === 0
      ? []
      : [{ title: "More", commands: Object.fromEntries(others.map((name) => [name, ""])) }];
  return [
    "dstate: reports, tests and commands on exactly the kernels they are about",
    ...[...groups, ...rest].flatMap(({ title, commands }) => [
      title,
      ...Object.entries(commands).map(([name, about]) => `  ${name.padEnd(column)}${about}`.trimEnd()),
    ]),
    "`dstate COMMAND --help` says more; most take --json, all --quiet or --verbose.",
    "Exit 0 clean, 1 reproduced, 125 inconclusive, 2 usage, 70 infra, 130 interrupted",
    "",
  ].join("\n");
}

/** What a command's help says below its options. */
export interface Notes {
  /** Sentences; wrapped to the terminal. */
  readonly about?: readonly string[];
  /** Command lines that were run. */
  readonly examples: readonly string[];
}

/** Add notes to a command's help. @example withNotes(command, { examples: ["dstate repros --json"] }) */
export function withNotes(command: Command, { about = [], examples }: Notes): Command {
  return command.addHelpText("after", () => {
    const width = command.configureOutput().getOutHelpWidth?.() ?? 80;
    return [
      "",
      ...about.flatMap((paragraph) => wrap(paragraph, { width })),
      ...(about.length > 0 ? [""] : []),
      ...(examples.length === 1
        ? [`Example: ${examples[0]}`]
        : ["Examples:", ...examples.map((line) => `  ${line}`)]),
    ].join("\n");
  });
}

/** commander's help, but for the program itself. @param names of the commands there are. */
export function formatHelp(command: Command, helper: Help, names: readonly string[]): string {
  return command.parent === null ? rootHelp(names) : Help.prototype.formatHelp.call(helper, command, helper);
}
