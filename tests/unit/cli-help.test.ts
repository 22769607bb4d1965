import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { groups, rootHelp } from "../../src/cli/help.ts";
import { programToLookAt } from "./program.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const program = await programToLookAt();

function all(command: Command, words: readonly string[] = []): [string, Command][] {
  return [
    [words.join(" "), command],
    ...command.commands.flatMap((each) => all(each, [...words, each.name()])),
  ];
}
const commands = all(program);

async function dstate(...argv: string[]): Promise<{ exitCode: number | null; stdout: string }> {
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bin, ...argv], (_error, stdout) =>
      resolve({ exitCode: child.exitCode, stdout }),
    );
  });
}

describe("help", () => {
  test("of the program fits a terminal of 80 columns and 24 lines, with the prompt", async () => {
    const { exitCode, stdout } = await dstate("--help");
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("\x1b");
    expect(stdout.trimEnd().split("\n").length).toBeLessThanOrEqual(23);
  });

  test("names every command once, in a group of what one has or wants", () => {
    const named = groups.flatMap(({ commands }) => Object.keys(commands).flatMap((name) => name.split(", ")));
    expect(named.sort()).toEqual(program.commands.map((command) => command.name()).sort());
    expect(rootHelp(["run", "unheard-of"])).toMatch(/More\n {2}unheard-of/);
  });

  test.each(commands)("of `dstate %s` is no wider than 80 columns", (_words, command) => {
    let text = "";
    command.configureOutput({ writeOut: (written) => (text += written), getOutHelpWidth: () => 80 });
    command.outputHelp();
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("of a command below another does not repeat the other's options", async () => {
    const { stdout } = await dstate("bisect", "log", "--help");
    expect(stdout).not.toMatch(/Global Options|--confidence/);
  });

  test.each(commands.filter(([words, command]) => words !== "" && command.commands.length === 0))(
    "of `dstate %s` has an example, which names the command",
    (words, command) => {
      let text = "";
      command.configureOutput({ writeOut: (written) => (text += written), getOutHelpWidth: () => 80 });
      command.outputHelp();
      expect(text).toMatch(
        new RegExp(`Examples?:[\\s\\S]*dstate ${words.replace(" list", "(?: list)?")}\\b`),
      );
    },
  );
});

test("`dstate --version` says which dstate it is, in a checkout with its commit", async () => {
  const { exitCode, stdout } = await dstate("--version");
  expect(stdout).toMatch(/^dstate \d+\.\d+\.\d+(?: \([0-9a-f]{12}(?:, changed)?\))?\n$/);
  expect(exitCode).toBe(0);
});
