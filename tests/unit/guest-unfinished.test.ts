import { describe, expect, test } from "vitest";
import { BoundedOutput } from "../../src/guest/output.ts";
import { UnfinishedCommands } from "../../src/guest/unfinished.ts";

const output = (): { stdout: BoundedOutput; stderr: BoundedOutput } => ({
  stdout: new BoundedOutput(8),
  stderr: new BoundedOutput(8),
});

describe("commands that were started", () => {
  test("are unfinished with what they print, until their end is seen", () => {
    const unfinished = new UnfinishedCommands();
    const [one, two] = [output(), output()];
    const oneEnded = unfinished.begin("sleep 1", one);
    unfinished.begin("sleep 2", two);
    two.stdout.add(Buffer.from("more than is kept"));
    two.stdout.add(Buffer.from("."));
    expect(unfinished.list()).toEqual([
      { command: "sleep 1", stdout: "", stderr: "", truncated: false },
      { command: "sleep 2", stdout: "more tha", stderr: "", truncated: true },
    ]);
    oneEnded();
    expect(unfinished.list().map(({ command }) => command)).toEqual(["sleep 2"]);
  });

  test("are the last twenty of them, however many a trial starts", () => {
    const unfinished = new UnfinishedCommands();
    for (let number = 1; number <= 50; number += 1) unfinished.begin(`sleep ${number}`, output());
    const commands = unfinished.list().map(({ command }) => command);
    expect([commands.length, commands[0], commands.at(-1)]).toEqual([20, "sleep 31", "sleep 50"]);
  });
});
