import { Option } from "commander";
import { silent } from "../src/base/progress.ts";
import { readSettings } from "../src/base/settings.ts";
import { positiveInteger } from "../src/cli/selectors.ts";
import { mixture, planOf } from "../tests/clean/mixture.ts";
import { runHealthy } from "../tests/clean/run.ts";
import { type HealthyTrial, lieOf, renderHealthy } from "../tests/clean/tally.ts";
import { testCommand } from "./test-command.ts";

const program = testCommand(
  "clean",
  "Run trials of repros in cells that do not have their bug, a mixture of all: none may be reproduced, and none clean whose workload did not come to its end.\n\nExit code 1: an outcome was not true.",
)
  .addOption(new Option("--count <n>", "how many trials").argParser(positiveInteger).default(300))
  .addOption(new Option("--jobs <n>", "how many at a time").argParser(positiveInteger).default(2))
  .option("--only <text>", "the repros whose name has the text", "");
await program.parseAsync();
const values = program.opts<{ readonly count: number; readonly jobs: number; readonly only: string }>();
const cells = mixture.filter(({ repro }) => repro.includes(values.only));
if (cells.length === 0)
  program.error(
    `no repro's name has "${values.only}": ${[...new Set(mixture.map(({ repro }) => repro))].join(", ")}`,
  );
const plan = planOf(cells, values.count);
const stop = new AbortController();
process.once("SIGINT", () => stop.abort(new Error("interrupted")));
const begun = performance.now();
const done: HealthyTrial[] = [];
const sum = (): string => {
  const lies = done.filter((each) => lieOf(each) !== undefined).length;
  const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
  return `${done.length} trials, ${lies} of them not true, ${minutes} min, ${values.jobs} at a time`;
};
console.log(`${plan.length} trials of ${cells.length} cells`);
try {
  const { dir } = await runHealthy(
    plan,
    {
      jobs: values.jobs,
      tell: (ended) => {
        done.push(ended);
        const { name, trial } = ended;
        const lie = lieOf(ended);
        const said = lie === undefined ? trial.outcome : `NOT TRUE: ${lie}`;
        const more = trial.outcome === "clean" ? "" : `: ${trial.summary} (${trial.evidence})`;
        console.log(`${done.length}/${plan.length} ${name}: ${said}${lie === undefined ? more : ""}`);
      },
    },
    { settings: readSettings(), progress: silent, signal: stop.signal },
  );
  console.log(`evidence: ${dir}`);
} finally {
  console.log(`\n${renderHealthy(done)}\n\n${sum()}`);
}
process.exit(done.some((each) => lieOf(each) !== undefined) ? 1 : 0);
