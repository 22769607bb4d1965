import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { exitCode } from "../base/errors.ts";
import { benchAll } from "../bench/all.ts";
import { needsCommits, type ProbeName, probeNames } from "../bench/probes.ts";
import { type GitRange, gitRange } from "../campaign/bisect/range.ts";
import { renderBenchAll } from "../report/bench-all.ts";
import { withNotes } from "./help.ts";
import { positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

/** `dstate bench all`: what a person waits for, also in pairs against another checkout. */
export function addBenchAll(bench: Command, session: Session): void {
  const command = bench
    .command("all")
    .description(
      "what a person waits for, from --help to a bisection's steps; in pairs against another checkout",
    )
    .option("--against <dir>", "another checkout of dstate, in which `npm ci` was run")
    .option("--runs <n>", "how often each is measured; default 3, and 1 of what takes long", positiveInteger)
    .option("--only <names>", `of ${probeNames.join(", ")}`, names)
    .option("--commits <range>", "git:TREE@A..B, the commits that `steps` builds", commits)
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "Machines and trials want a host with nothing else to do. The two checkouts take turns. `build`, `first` and `steps` begin with an empty cache and take about ten minutes each, `tests` (npm test) more. Without --commits there are no `steps`. A measurement that fails leaves the others standing; the exit code is 70 then.",
    ],
    examples: [
      "dstate bench all --only start,log --against ../dstate-0.1.0",
      "dstate bench all --only steps --commits git:$HOME/src/linux@v6.1.114..v6.1.115",
    ],
  }).action(async (options: AllOptions) => {
    const context = await session.context();
    const { runs, commits } = options;
    const only = options.only ?? probeNames.filter((name) => commits !== undefined || !needsCommits(name));
    const against = options.against === undefined ? undefined : resolve(options.against);
    const benches = await benchAll({ only, runs, against, commits }, context);
    const text = (): string => renderBenchAll(benches, { width: session.width, against });
    session.result("bench all", { against, runs, ...benches }, { json: options.json, text });
    if (benches.failures.length > 0) process.exitCode = exitCode.infraError;
  });
}

interface AllOptions {
  readonly against?: string;
  readonly runs?: number;
  readonly only?: readonly ProbeName[];
  readonly commits?: GitRange;
  readonly json?: boolean;
}

function commits(text: string): GitRange {
  const range = gitRange(text);
  if (range === undefined) throw new InvalidArgumentError("expected git:TREE@A..B.");
  return range;
}

function names(text: string): ProbeName[] {
  return text.split(",").map((word) => {
    const name = probeNames.find((known) => known === word.trim());
    if (name === undefined) throw new InvalidArgumentError(`expected some of ${probeNames.join(", ")}.`);
    return name;
  });
}
