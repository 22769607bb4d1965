import { type Command, Option } from "commander";
import { installMissing } from "../setup/install.ts";
import type { Purpose } from "../setup/needs.ts";
import type { Session } from "./session.ts";

/** `dstate setup`: what the host needs. */
export function addSetup(program: Command, session: Session): void {
  program
    .command("setup")
    .description(
      "install the Debian packages that are missing, as root or with sudo; else print the line to copy",
    )
    .addOption(
      new Option("--for <purpose>", "the tests need Nix as well").choices(["work", "tests"]).default("work"),
    )
    .addHelpText("after", "\nExample: dstate setup")
    .action(async (options: { for: Purpose }) => {
      const installed = await installMissing(await session.context(), options.for);
      session.print(
        installed.length === 0 ? "Everything needed is installed." : `Installed: ${installed.join(", ")}.`,
      );
    });
}
