import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { faults, injectAll, renderTallies } from "../tests/faults/run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    count: { type: "string", default: "520" },
    only: { type: "string" },
    "no-machines": { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`npm run test:faults -- [--seed N] [--count N] [--only TEXT] [--no-machines] [--write]

Breaks what dstate stands on, at moments that the seed chooses, and sees what becomes of it.
--only takes the faults whose name has the text; --write puts the table into docs/reliability.md.`);
  process.exit();
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
const chosen = faults.filter(
  ({ name, machine }) => name.includes(values.only ?? "") && !(values["no-machines"] && machine === true),
);
console.log(`seed ${seed}, ${values.count} injections of ${chosen.length} faults`);
const begun = performance.now();
const tallies = await injectAll({
  seed,
  count: Number(values.count),
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
