import type { TaskFacts, WaitFacts } from "../why/facts.ts";
import { judge } from "../why/verdict.ts";
import { nameOfObject, nameOfTask, ownerLine, stateOf, whereOf } from "../why/words.ts";
import { wrap } from "./wrap.ts";

/** Frames of a stack that are shown; the document has all. */
const mostFrames = 12;

/**
 * Who waits for whom, for people.
 *
 * @example session.print(renderWhy(facts, { width: 80 }))
 */
export function renderWhy(facts: WaitFacts, { width }: { readonly width: number }): string {
  const { sentence } = judge(facts);
  const tasks = facts.tasks.toSorted((a, b) => Number(b.state === "D") - Number(a.state === "D"));
  const more = [
    ...(facts.truncated ? [`There are more tasks than these: ${facts.blocked} are in D.`] : []),
    ...facts.unread.map((what) => `Not read: ${what}`),
  ];
  return [
    ...wrap(sentence, { width }),
    ...tasks.flatMap((task) => ["", ...taskLines(task, facts, width)]),
    ...(more.length === 0 ? [] : ["", ...more.flatMap((line) => hanging(line, "  ", width))]),
  ].join("\n");
}

function taskLines(task: TaskFacts, facts: WaitFacts, width: number): string[] {
  const { wait, frames, held } = task;
  const about = [`${nameOfTask(task)}, ${stateOf(task)}`, ...(task.exiting ? ["exiting"] : [])].join(", ");
  const field = (name: string, text: string): string[] =>
    hanging(`  ${name.padEnd(9)} ${text}`, " ".repeat(12), width);
  return [
    about,
    ...(wait
      ? [
          ...field("waits for", `${nameOfObject(wait)}, in ${wait.function}`),
          ...field("which is", `at ${whereOf(wait, facts)}`),
          ...field("held by", ownerLine(wait, facts)),
          ...(wait.lockdep ? field("lockdep", lockdepLine(wait.lockdep, facts)) : []),
        ]
      : []),
    ...(held && held.length > 0 ? field("holds", held.map(({ name }) => name).join(", ")) : []),
    ...frames
      .slice(0, mostFrames)
      .flatMap(({ function: name, source }) =>
        hanging(`    ${name}${source === undefined ? "" : ` (${source})`}`, "      ", width),
      ),
    ...(frames.length > mostFrames ? [`    ... and ${frames.length - mostFrames} more frames`] : []),
  ];
}

/** What lockdep has written down of a lock, which is old where it has stopped. */
function lockdepLine(holders: readonly string[], facts: WaitFacts): string {
  const names = holders.map((address) => {
    const holder = facts.tasks.find((each) => each.address === address);
    return holder ? nameOfTask(holder) : address;
  });
  const told = names.length === 0 ? "nobody holds it" : `held by ${names.join(", ")}`;
  return facts.lockdep === "off" ? `${told}, when it stopped looking at its first report` : told;
}

/** A line, and what does not fit below it, further in. */
function hanging(line: string, indent: string, width: number): string[] {
  const start = /^ */.exec(line)?.[0] ?? "";
  const [first = "", ...rest] = wrap(line.slice(start.length), { width: width - start.length });
  const below = rest.length === 0 ? [] : wrap(rest.join(" "), { width: width - indent.length });
  return [`${start}${first}`, ...below.map((text) => `${indent}${text}`)];
}
