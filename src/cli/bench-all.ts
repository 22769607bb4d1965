import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { benchAll, type ProbeName, probeNames } from "../bench/all.ts";
import { renderBenchAll } from "../report/bench-all.ts";
import { withNotes } from "./help.ts";
import { positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

/** `dstate bench all`: what a person waits for, also in pairs against another checkout. */
export function addBenchAll(bench: Command, session: Session): void {
  const command = bench
    .command("all")
    .description(
      "starts, logs, machines, trials, a kernel, a first verdict; in pairs against another checkout",
    )
    .option("--against <dir>", "another checkout of dstate, in which `npm ci` was run")
    .option("--runs <n>", "how often each is measured; default 3, and 1 of what takes long", positiveInteger)
    .option("--only <names>", `of ${probeNames.join(", ")}`, names)
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "Machines and trials want a host with nothing else to do. The two checkouts take turns. `build` and `first` begin with an empty cache and take ten minutes each.",
    ],
    examples: ["dstate bench all --only start,log --against ../dstate-0.1.0"],
  }).action(
    async (options: { against?: string; runs?: number; only?: readonly ProbeName[]; json?: boolean }) => {
      const context = await session.context();
      const { runs, only = probeNames } = options;
      const against = options.against === undefined ? undefined : resolve(options.against);
      const rows = await benchAll({ only, runs, against }, context);
      const text = (): string => renderBenchAll(rows, { width: session.width, against });
      session.result("bench all", { against, runs, rows }, { json: options.json, text });
    },
  );
}

function names(text: string): ProbeName[] {
  return text.split(",").map((word) => {
    const name = probeNames.find((known) => known === word.trim());
    if (name === undefined) throw new InvalidArgumentError(`expected some of ${probeNames.join(", ")}.`);
    return name;
  });
}
