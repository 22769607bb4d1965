import type { OwnerFact, TaskFacts, WaitFact, WaitFacts } from "./facts.ts";

/** A task as people name it. @example nameOfTask(task) // "node:132" */
export function nameOfTask({ comm, pid }: Pick<TaskFacts, "comm" | "pid">): string {
  return `${comm}:${pid}`;
}

/** What is waited for, with the structure that it is in. @example "the mutex uring_lock of struct io_ring_ctx" */
export function nameOfObject(wait: WaitFact): string {
  const { place } = wait;
  const kind = kindOf(wait);
  switch (place?.type) {
    case "member":
      return `the ${kind} ${place.name} of ${place.of}`;
    case "variable":
      return `the ${kind} ${place.name}`;
    default:
      return wait.object === undefined ? `a ${kind}` : `a ${kind}`;
  }
}

function kindOf({ kind, function: inside }: WaitFact): string {
  if (kind === "unknown") return `thing in ${inside} that was not found in memory`;
  return kind;
}

/** Where the object is, as a line. */
export function whereOf(wait: WaitFact, facts: WaitFacts): string {
  const { place, object } = wait;
  if (object === undefined) return "its address could not be read";
  switch (place?.type) {
    case "member":
      return `${object}, in the ${place.of} at ${place.at}`;
    case "variable":
      return `${object}, a variable of the kernel`;
    case "stack": {
      const task = facts.tasks.find(({ address }) => address === place.task);
      return `${object}, on the stack of ${task ? nameOfTask(task) : `the task at ${place.task}`}`;
    }
    case "slab":
      return `${object}, in the slab cache ${place.name}`;
    default:
      return `${object}; in which structure is not known`;
  }
}

/** Who holds it, as a line. */
export function ownerLine({ owner, word, count, waiters }: WaitFact, facts: WaitFacts): string {
  const raw = [word === undefined ? [] : `owner word ${word}`, count === undefined ? [] : `count ${count}`]
    .flat()
    .join(", ");
  const queue = waiters.length === 0 ? "" : `${waiters.length} in its list`;
  const more = [raw, queue].filter((part) => part !== "").join("; ");
  return `${ownerWords(owner, facts)}${more === "" ? "" : ` (${more})`}`;
}

function ownerWords(owner: OwnerFact, facts: WaitFacts): string {
  const named = (address: string): string => {
    const task = facts.tasks.find((each) => each.address === address);
    return task ? `${nameOfTask(task)}, in ${stateOf(task)}` : `the task at ${address}`;
  };
  switch (owner.type) {
    case "task":
      return named(owner.task);
    case "nobody":
      return "nobody";
    case "gone":
      if (owner.now)
        return `a task that is gone: its memory is ${nameOfTask(owner.now)}'s by now, which began after those that wait last ran`;
      return owner.was
        ? `a task that is gone: its memory still says ${nameOfTask(owner.was)}`
        : `a task that is gone, at ${owner.address}`;
    case "readers":
      return `${owner.count} reader${owner.count === 1 ? "" : "s"}${
        owner.last === undefined ? "" : `, the last of them ${named(owner.last)}`
      }`;
    case "not kept":
      if (owner.signalled === true) return "it has happened already";
      return owner.task === undefined
        ? "nobody is named: this kind of thing keeps no owner"
        : `${named(owner.task)}, for it is ${owner.why}`;
    case "unreadable":
      return "could not be read";
  }
}

/** A task's state, for a sentence. */
export function stateOf({ state, running }: TaskFacts): string {
  return running ? `${state} on a processor` : state;
}
