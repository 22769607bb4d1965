import { readFile, writeFile } from "node:fs/promises";
import { Option } from "commander";
import { positiveInteger } from "../src/cli/selectors.ts";
import { faults, injectAll, renderTallies } from "../tests/faults/run.ts";
import { testCommand } from "./test-command.ts";

const program = testCommand(
  "faults",
  "Break what dstate stands on, at moments that the seed chooses, and see what becomes of it.\n\nExit code 1: an outcome was wrong, or something was left over.",
)
  .addOption(
    new Option("--seed <n>", "of the moments; default: another each time").argParser(positiveInteger),
  )
  .addOption(new Option("--count <n>", "how many injections").argParser(positiveInteger).default(520))
  .option("--only <text>", "the faults whose name has the text", "")
  .option("--no-machines", "leave out those that need a machine")
  .option("--write", "put the table into docs/reliability.md");
await program.parseAsync();
const values = program.opts<{
  readonly seed?: number;
  readonly count: number;
  readonly only: string;
  readonly machines: boolean;
  readonly write?: boolean;
}>();
const seed = values.seed ?? 1 + Math.floor(Math.random() * 1e6);
const chosen = faults.filter(
  ({ name, machine }) => name.includes(values.only) && (values.machines || machine !== true),
);
if (chosen.length === 0)
  program.error(`no fault's name has "${values.only}":\n${faults.map(({ name }) => `  ${name}`).join("\n")}`);
console.log(`seed ${seed}, ${values.count} injections of ${chosen.length} faults`);
const begun = performance.now();
const tallies = await injectAll({
  seed,
  count: values.count,
  faults: chosen,
  signal: new AbortController().signal,
  tell: (line) => console.log(line),
});
const table = renderTallies(tallies);
const sum = (of: (tally: (typeof tallies)[number]) => number): number =>
  tallies.reduce((total, tally) => total + of(tally), 0);
const [injected, wrong, left] = [
  sum((tally) => tally.injected),
  sum((tally) => tally.wrong.length),
  sum((tally) => tally.left.length),
];
const minutes = Math.round((performance.now() - begun) / 60_000);
const line = `${injected} injections, ${wrong} wrong outcomes, ${left} with something left over; seed ${seed}, ${minutes} min.`;
console.log(`${table}\n\n${line}`);
if (values.write) {
  const page = new URL("../docs/reliability.md", import.meta.url);
  const text = await readFile(page, "utf8");
  const [before, after] = [text.split("<!-- faults -->")[0], text.split("<!-- end of faults -->")[1]];
  await writeFile(page, `${before}<!-- faults -->\n${line}\n\n${table}\n<!-- end of faults -->${after}`);
}
process.exitCode = wrong + left === 0 ? 0 : 1;
