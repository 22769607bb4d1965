import type { WaitGraph } from "../kernel-log/wait-graph.ts";
import type { WaitFacts } from "./facts.ts";
import { nameOfObject, nameOfTask, stateOf } from "./words.ts";

/**
 * Who waits for whom, as the page draws it.
 *
 * @example graphOf(facts).edges // [{ from: "task 0x...", to: "lock 0x...", label: "waits for" }, ...]
 */
export function graphOf(facts: WaitFacts): WaitGraph {
  const nodes = new Map<string, WaitGraph["nodes"][number]>();
  const edges: WaitGraph["edges"][number][] = [];
  for (const task of facts.tasks) {
    const from = `task ${task.address}`;
    const inside = task.wait?.function ?? task.frames[0]?.function;
    const detail = `${stateOf(task)}${inside === undefined ? "" : ` in ${inside}`}`;
    nodes.set(from, { id: from, kind: "task", title: nameOfTask(task), detail });
    const { wait } = task;
    if (!wait) continue;
    const lock = `lock ${wait.object ?? `of ${task.address}`}`;
    edges.push({ from, to: lock, label: "waits for" });
    if (nodes.has(lock)) continue;
    const title = nameOfObject(wait).replace(/^(the|a) /, "");
    const { owner } = wait;
    const holder = "task" in owner && owner.task !== undefined ? `task ${owner.task}` : undefined;
    const without =
      owner.type === "nobody" ? "owned by nobody" : owner.type === "gone" ? "its owner is gone" : "";
    nodes.set(lock, {
      id: lock,
      kind: "lock",
      title,
      detail: [without, wait.object ?? "its address could not be read"]
        .filter((part) => part !== "")
        .join("; "),
    });
    if (holder !== undefined)
      edges.push({ from: lock, to: holder, label: owner.type === "task" ? "is held by" : "is ended by" });
  }
  // An owner that was not read is no task to draw an arrow to.
  return { nodes: [...nodes.values()], edges: edges.filter(({ to }) => nodes.has(to)) };
}
