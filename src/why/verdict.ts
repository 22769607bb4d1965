import { type Chain, type ChainEnd, chainsOf } from "./chain.ts";
import type { TaskFacts, WaitFacts } from "./facts.ts";
import { nameOfObject, nameOfTask, stateOf } from "./words.ts";

/** Why tasks are stuck, in one word and one sentence. */
export interface Verdict {
  readonly type: ChainEnd["type"] | "nothing";
  readonly sentence: string;
  readonly chains: readonly Chain[];
}

/** What says most comes first: what explains a hang before what only tells that there is one. */
const order = [
  "cycle",
  "nobody",
  "owner-exited",
  "lost-wake-up",
  "owner-sleeps",
  "readers",
  "owner-runs",
  "not-kept",
  "unreadable",
] as const satisfies readonly ChainEnd["type"][];

/** Every verdict there is. */
export const verdictTypes = [...order, "nothing"] as const;

/**
 * Why a machine's tasks are stuck, from what its memory says. Only what was read is said.
 *
 * @example judge(facts).sentence // "Nobody owns the mutex uring_lock of struct io_ring_ctx, ..."
 */
export function judge(facts: WaitFacts): Verdict {
  const chains = chainsOf(facts).toSorted((a, b) => order.indexOf(a.end.type) - order.indexOf(b.end.type));
  const [first] = chains;
  if (!first) return { type: "nothing", sentence: "No task is in uninterruptible sleep.", chains };
  const object = first.links.at(-1)?.wait.object;
  const others = chains.filter((chain) => chain.links.at(-1)?.wait.object !== object).length;
  const rest = others === 0 ? "" : ` ${others} more chain${others === 1 ? " ends" : "s end"} elsewhere.`;
  return { type: first.end.type, sentence: `${sentenceOf(first, facts)}${rest}`, chains };
}

/** What keeps the tasks of a chain, in a sentence. */
export function sentenceOf({ links, end }: Chain, facts: WaitFacts): string {
  const last = links.at(-1);
  if (!last) return "A task is in uninterruptible sleep, and what it waits for could not be read.";
  const { wait } = last;
  const what = nameOfObject(wait);
  const waiting = facts.tasks.filter(
    (task) => task.wait?.object !== undefined && task.wait.object === wait.object,
  );
  const who = listOf((waiting.length === 0 ? [last.task] : waiting).map(nameOfTask));
  const wait_ = waiting.length > 1 ? "wait" : "waits";
  switch (end.type) {
    case "cycle": {
      const inCircle = links.slice(end.from);
      const steps = inCircle.map(
        ({ task, wait: each }) => `${nameOfTask(task)} waits for ${nameOfObject(each)}`,
      );
      return inCircle.length === 1
        ? `Deadlock of one: ${steps[0]}, which it holds itself.${alsoWait(waiting, inCircle[0]?.task)}`
        : `Deadlock of ${inCircle.length}: ${steps.join(", held by ")}, held by ${nameOfTask(inCircle[0]?.task ?? last.task)}.`;
    }
    case "nobody":
      return `Nobody owns ${what}, for which ${who} ${wait_}: a wake-up was lost, or the lock is corrupt.`;
    case "owner-exited":
      return `The owner of ${what}, for which ${who} ${wait_}, has exited with it${
        end.was ? `: ${nameOfTask(end.was)}` : ""
      }.`;
    case "lost-wake-up":
      return `What ${who} ${wait_} for (${what}) has happened already: a wake-up was lost.`;
    case "owner-sleeps":
      return `${nameOfTask(end.owner)} holds ${what}, for which ${who} ${wait_}, and sleeps for another reason: ${innermost(end.owner)}.`;
    case "owner-runs":
      return `${nameOfTask(end.owner)} holds ${what}, for which ${who} ${wait_}, and is not blocked itself (${stateOf(end.owner)}): it may only be slow.`;
    case "readers":
      return `${end.count} reader${end.count === 1 ? " holds" : "s hold"} ${what}, for which ${who} ${wait_}; a reader leaves no name${
        end.last ? `, but for the last of them, ${nameOfTask(end.last)}` : ""
      }.`;
    case "not-kept":
      return `${who} ${wait_} for ${what} in ${wait.function}, which keeps no owner: who should end the wait cannot be read.`;
    case "unreadable":
      return `${who} ${wait_} for ${what} in ${wait.function}, and who holds it could not be read.`;
  }
}

/** Whoever else waits for the same. */
function alsoWait(waiting: readonly TaskFacts[], owner: TaskFacts | undefined): string {
  const others = waiting.filter(({ address }) => address !== owner?.address).map(nameOfTask);
  if (others.length === 0) return "";
  return ` ${listOf(others)} ${others.length === 1 ? "waits" : "wait"} for it, too.`;
}

function innermost({ wait, frames }: TaskFacts): string {
  return wait?.function ?? frames[0]?.function ?? "its stack could not be read";
}

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, 4);
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(", ")} and ${rest} more`;
  return shown.length < 2 ? (shown[0] ?? "") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
