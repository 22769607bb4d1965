import type { Command } from "commander";
import { makeProgram } from "../../src/cli/program.ts";

/** The commands of the command line, to look at and not to run. */
export async function programToLookAt(): Promise<Command> {
  const unused = (): never => {
    throw new Error("this program is not to be run");
  };
  return await makeProgram(
    {
      width: 80,
      colour: false,
      wish: unused,
      board: unused,
      context: unused,
      print: unused,
      say: unused,
      ask: unused,
      result: unused,
      expectDocument: unused,
      report: unused,
      [Symbol.dispose]: unused,
    },
    "",
    ["..."],
  );
}
