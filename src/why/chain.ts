import type { OwnerFact, TaskFacts, WaitFact, WaitFacts } from "./facts.ts";

/** A task that waits, and for what. */
export interface Link {
  readonly task: TaskFacts;
  readonly wait: WaitFact;
}

/** How a chain of tasks that wait for each other ends. */
export type ChainEnd =
  /** The last waits for one that stands in the chain already: those from `from` on wait for each other. */
  | { readonly type: "cycle"; readonly from: number }
  /** The last task's object is owned by a task that is no more, or that has ended and was not reaped. */
  | {
      readonly type: "owner-exited";
      readonly was: { readonly pid: number; readonly comm: string } | undefined;
    }
  /** Tasks wait for a lock that nobody owns. */
  | { readonly type: "nobody" }
  /** What is waited for has happened, and the one that waits was not woken. */
  | { readonly type: "lost-wake-up" }
  /** The owner runs, or is ready to: it may only be slow. */
  | { readonly type: "owner-runs"; readonly owner: TaskFacts }
  /** The owner sleeps for a reason that is no lock. */
  | { readonly type: "owner-sleeps"; readonly owner: TaskFacts }
  /** Readers hold it, and only the last leaves its name. */
  | { readonly type: "readers"; readonly count: number; readonly last: TaskFacts | undefined }
  /** A kind of thing that keeps no owner. */
  | { readonly type: "not-kept" }
  | { readonly type: "unreadable" };

/** From a task in D along those that it waits for, up to the one that keeps all of them. */
export interface Chain {
  readonly links: readonly Link[];
  readonly end: ChainEnd;
}

/**
 * The chain of each task in D. A chain that is the end of another is told with that one alone.
 *
 * @example chainsOf(facts).map(({ end }) => end.type) // ["nobody", "nobody"]
 */
export function chainsOf(facts: WaitFacts): Chain[] {
  const tasks = new Map(facts.tasks.map((task) => [task.address, task]));
  const chains = facts.tasks.filter(({ state }) => state === "D").map((task) => chainFrom(task, tasks));
  // Whoever waits for one in the middle of a longer chain adds nothing to it; a circle is told once.
  const kept: Chain[] = [];
  for (const chain of chains.toSorted((a, b) => b.links.length - a.links.length)) {
    const [first] = chain.links;
    const isTold =
      first !== undefined &&
      kept.some(({ links }) => links.some(({ task }) => task.address === first.task.address));
    if (!isTold) kept.push(chain);
  }
  return kept;
}

function chainFrom(start: TaskFacts, tasks: ReadonlyMap<string, TaskFacts>): Chain {
  const links: Link[] = [];
  let task = start;
  for (;;) {
    const { wait } = task;
    if (!wait) return { links, end: links.length === 0 ? { type: "unreadable" } : withoutLock(task) };
    links.push({ task, wait });
    const next = nextOf(wait.owner, tasks);
    if ("end" in next) return { links, end: next.end };
    const seen = links.findIndex((link) => link.task.address === next.task.address);
    if (seen >= 0) return { links, end: { type: "cycle", from: seen } };
    task = next.task;
    if (/[XZ]/.test(task.state)) return { links, end: { type: "owner-exited", was: task } };
    if (!waitsForSomebody(task)) return { links, end: withoutLock(task) };
  }
}

/** Whether a task waits for something that a task holds, or may hold: whoever sleeps otherwise may sleep for anything. */
function waitsForSomebody({ state, wait }: TaskFacts): boolean {
  if (wait === undefined || state === "D") return wait !== undefined;
  return wait.kind !== "unknown" && (wait.owner.type !== "not kept" || wait.owner.task !== undefined);
}

function withoutLock(task: TaskFacts): ChainEnd {
  const runs = task.running || task.state === "R";
  return { type: runs ? "owner-runs" : "owner-sleeps", owner: task };
}

type Next = { readonly task: TaskFacts } | { readonly end: ChainEnd };

function nextOf(owner: OwnerFact, tasks: ReadonlyMap<string, TaskFacts>): Next {
  switch (owner.type) {
    case "task": {
      const task = tasks.get(owner.task);
      return task ? { task } : { end: { type: "unreadable" } };
    }
    case "gone":
      return { end: { type: "owner-exited", was: owner.was } };
    case "nobody":
      return { end: { type: "nobody" } };
    case "readers": {
      const last = owner.last === undefined ? undefined : tasks.get(owner.last);
      return { end: { type: "readers", count: owner.count, last } };
    }
    case "not kept": {
      if (owner.signalled === true) return { end: { type: "lost-wake-up" } };
      const task = owner.task === undefined ? undefined : tasks.get(owner.task);
      return task ? { task } : { end: { type: "not-kept" } };
    }
    case "unreadable":
      return { end: { type: "unreadable" } };
  }
}
