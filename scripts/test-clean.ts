import { parseArgs } from "node:util";
import { silent } from "../src/base/progress.ts";
import { readSettings } from "../src/base/settings.ts";
import { mixture, planOf } from "../tests/clean/mixture.ts";
import { runHealthy } from "../tests/clean/run.ts";
import { type HealthyTrial, lieOf, renderHealthy } from "../tests/clean/tally.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "300" },
    jobs: { type: "string", default: "2" },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`npm run test:clean -- [--count N] [--jobs N] [--only TEXT]

Runs trials of repros in cells that do not have their bug, a mixture of all: none may be reproduced, and none clean whose
workload did not come to its end. --only takes the repros whose name has the text.`);
  process.exit();
}
const cells = mixture.filter(({ repro }) => repro.includes(values.only ?? ""));
if (cells.length === 0) {
  console.error(`there is no repro with "${values.only}" in its name`);
  process.exit(2);
}
const plan = planOf(cells, Number(values.count));
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
      jobs: Number(values.jobs),
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
