import { type Command, Option } from "commander";
import { installMissing } from "../setup/install.ts";
import type { Purpose } from "../setup/needs.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

/** `dstate setup`: what the host needs. */
export function addSetup(program: Command, session: Session): void {
  const command = program
    .command("setup")
    .description(
      "install what is missing, as root or with sudo, on Debian and Ubuntu; else print the line to copy",
    )
    .addOption(
      new Option("--for <purpose>", "the tests need Nix as well").choices(["work", "tests"]).default("work"),
    )
    .option("--json", "one JSON document on standard output");
  withNotes(command, { examples: ["dstate setup"] }).action(
    async (options: { for: Purpose; json?: boolean }) => {
      const { installed, missing } = await installMissing(await session.context(), options.for);
      const nothing = missing.length > 0 ? "Nothing was installed." : "Everything needed is installed.";
      const text = (): string => (installed.length > 0 ? `Installed: ${installed.join(", ")}.` : nothing);
      session.result("setup", { installed, missing }, { json: options.json, text });
    },
  );
}
