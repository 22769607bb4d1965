import { type Command, Option } from "commander";
import { installMissing } from "../setup/install.ts";
import type { Purpose } from "../setup/needs.ts";
import type { Session } from "./session.ts";

/** `dstate setup`: what the host needs. */
export function addSetup(program: Command, session: Session): void {
  program
    .command("setup")
    .description(
      "install what is missing, as root or with sudo, on Debian and Ubuntu; else print the line to copy",
    )
    .addOption(
      new Option("--for <purpose>", "the tests need Nix as well").choices(["work", "tests"]).default("work"),
    )
    .addHelpText("after", "\nExample: dstate setup")
    .action(async (options: { for: Purpose }) => {
      const { installed, missing } = await installMissing(await session.context(), options.for);
      if (installed.length > 0) session.print(`Installed: ${installed.join(", ")}.`);
      else session.print(missing.length > 0 ? "Nothing was installed." : "Everything needed is installed.");
    });
}
