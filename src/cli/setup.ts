import type { Command } from "commander";
import { installMissing } from "../setup/install.ts";
import type { Session } from "./session.ts";

/** `dstate setup`: what the host needs. */
export function addSetup(program: Command, session: Session): void {
  program
    .command("setup")
    .description(
      "install the Debian packages that are missing, as root or with sudo; else print the line to copy",
    )
    .addHelpText("after", "\nExample: dstate setup")
    .action(async () => {
      const installed = await installMissing(await session.context());
      session.print(
        installed.length === 0 ? "Everything needed is installed." : `Installed: ${installed.join(", ")}.`,
      );
    });
}
