import { type Command, Option } from "commander";
import type { Context } from "../base/context.ts";
import { checkedCells } from "../repro/cells.ts";
import { findRepro } from "../repro/find.ts";
import { type ReproSetup, setUpForRepro } from "../setup/for-repro.ts";
import { type Installation, installMissing } from "../setup/install.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

type SetUp = Installation & Partial<ReproSetup>;

/** `dstate setup`: what the host needs. */
export function addSetup(program: Command, session: Session): void {
  const command = program
    .command("setup")
    .argument("[repro]", "only what `dstate check` of this repro needs")
    .description(
      "install what is missing, as root or with sudo, on Debian and Ubuntu; else print the line to copy",
    )
    .addOption(
      new Option("--for <purpose>", "the tests need Nix as well").choices(["work", "tests"]).default("work"),
    )
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "With a repro, what the cache or the registry of DSTATE_CACHE_REGISTRY has of its parts is taken, and only what is needed to make the others is installed: a filled registry takes no compiler.",
    ],
    examples: ["dstate setup", "dstate setup io-uring-dstate"],
  }).action(async (name: string | undefined, options: { for: "work" | "tests"; json?: boolean }) => {
    const context = await session.context();
    const done: SetUp =
      name === undefined ? await installMissing(context, options.for) : await setUp(name, context);
    const { installed, missing, toMake } = done;
    session.result(
      "setup",
      { installed, missing, ...(toMake && { toMake }) },
      { json: options.json, text: () => describe(done) },
    );
  });
}

async function setUp(name: string, context: Context): Promise<ReproSetup> {
  const { repro } = await findRepro(name);
  const cells = checkedCells(repro, context.settings).map(({ cell }) => cell);
  return await setUpForRepro(repro, cells, context);
}

function describe({ installed, missing, toMake }: SetUp): string {
  const nothing = missing.length > 0 ? "Nothing was installed." : "Everything needed is installed.";
  const text = installed.length > 0 ? `Installed: ${installed.join(", ")}.` : nothing;
  if (!toMake) return text;
  const parts =
    toMake.length === 0
      ? "Every part of its machines is here: nothing has to be made."
      : `To be made here: ${toMake.join(", ")}.`;
  return `${text}\n${parts}`;
}
