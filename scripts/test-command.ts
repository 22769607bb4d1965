import { Command } from "commander";

/**
 * A command line of `npm run test:...`: what is mistyped ends with 2, for 1 says that a test found something.
 *
 * @example const program = testCommand("faults", "Break what dstate stands on.");
 */
export function testCommand(name: string, description: string): Command {
  return new Command(`npm run test:${name} --`)
    .description(description)
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode && 2));
}
