import type { Frame } from "./finding.ts";
import type { Wait } from "./waits.ts";

/** A task, a lock, or a part of the system. */
export interface WaitNode {
  readonly id: string;
  readonly kind: "task" | "lock" | "system";
  readonly title: string;
  /** What more is known of it, in a line. */
  readonly detail: string;
}

/** One waits for, or holds, the other. */
export interface WaitEdge {
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

export interface WaitGraph {
  readonly nodes: readonly WaitNode[];
  readonly edges: readonly WaitEdge[];
  /** What it comes to, where the machine's memory was read: see `dstate why`. */
  readonly sentence?: string | undefined;
}

/** What is known of who waits for whom. */
export interface WaitFacts {
  /** What the kernel says itself. */
  readonly waits: readonly Wait[];
  /** Tasks in uninterruptible sleep, with their kernel stacks. */
  readonly blocked: readonly {
    readonly comm: string;
    readonly pid: number;
    readonly guilty: string;
    readonly frames: readonly Pick<Frame, "function">[];
  }[];
  /** Processes that the system waits for when it powers off. */
  readonly shutdown: readonly { readonly comm: string; readonly pid?: number | undefined }[];
}

/** Functions that wait for a lock, and what that is called. */
const locks: readonly (readonly [RegExp, string])[] = [
  [/^(?:__)?(?:ww_)?mutex_lock/, "mutex"],
  [/^rt_mutex|^rtlock/, "rt-mutex"],
  [/^(?:rwsem_)?down_read|^rwsem_down_read/, "rw-semaphore, to read"],
  [/^(?:rwsem_)?down_write|^rwsem_down_write/, "rw-semaphore, to write"],
  [/^(?:__)?down/, "semaphore"],
  [/^(?:wait_for_|__wait_for_)(?:common|completion)/, "completion"],
  [/^(?:__)?(?:wait_on_bit|folio_wait|wait_on_page|__lock_page|__folio_lock)/, "page or bit lock"],
];

/**
 * Who waits for whom, as a graph. A holder is named only where the kernel says so: without that, the lock stands
 * alone, wanted by a task in a function.
 *
 * @example waitGraph({ waits: [], blocked: [], shutdown: [] }).edges // []
 */
export function waitGraph({ waits, blocked, shutdown }: WaitFacts): WaitGraph {
  const nodes = new Map<string, WaitNode>();
  const edges = new Map<string, WaitEdge>();
  const add = (node: WaitNode): string => {
    const before = nodes.get(node.id);
    if (!before || before.detail === "") nodes.set(node.id, node);
    return node.id;
  };
  const task = (comm: string, pid: number | undefined, detail: string): string =>
    add({
      id: `task ${pid ?? comm}`,
      kind: "task",
      title: pid === undefined ? comm : `${comm}:${pid}`,
      detail,
    });
  const link = (from: string, to: string, label: string): void => {
    edges.set(`${from} ${to}`, { from, to, label });
  };
  const told = new Set<number>();
  for (const { waiter, lock, owner } of waits) {
    const from = task(waiter.comm, waiter.pid, "");
    const id = `lock ${lock} ${owner?.pid ?? `of ${waiter.pid}`}`;
    const detail = owner === undefined ? "the kernel does not say who holds it" : "";
    link(from, add({ id, kind: "lock", title: lock, detail }), "waits for");
    if (owner) link(id, task(owner.comm, owner.pid, ""), "is held by");
    told.add(waiter.pid);
  }
  for (const { comm, pid, guilty, frames } of blocked) {
    const from = task(comm, pid, `in D in ${guilty}`);
    const kind = frames.flatMap((frame) => locks.find(([name]) => name.test(frame.function))?.[1] ?? [])[0];
    if (kind === undefined || told.has(pid)) continue;
    const detail = `wanted in ${guilty}; the kernel does not say who holds it`;
    link(from, add({ id: `lock of ${pid}`, kind: "lock", title: `a ${kind}`, detail }), "waits for");
  }
  for (const { comm, pid } of shutdown) {
    const system = {
      id: "shutdown",
      kind: "system",
      title: "power-off",
      detail: "systemd-shutdown",
    } as const;
    link(add(system), task(comm, pid, ""), "waits for");
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}
