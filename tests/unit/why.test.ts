import { describe, expect, test } from "vitest";
import { renderWhy } from "../../src/report/why.ts";
import {
  type OwnerFact,
  type TaskFacts,
  type WaitFact,
  type WaitFacts,
  waitFactsSchema,
} from "../../src/why/facts.ts";
import { graphOf } from "../../src/why/graph.ts";
import { judge } from "../../src/why/verdict.ts";

const addressOf = (pid: number): string => `0xffff8880000${pid.toString(16).padStart(5, "0")}`;
const lock = (number: number): string => `0xffff88800100${number.toString(16).padStart(4, "0")}`;

function task(
  pid: number,
  wait?: Partial<WaitFact> & { owner: OwnerFact },
  more: Partial<TaskFacts> = {},
): TaskFacts {
  return {
    address: addressOf(pid),
    pid,
    process: pid,
    comm: `t${pid}`,
    state: wait ? "D" : "R",
    running: false,
    exiting: false,
    frames: [{ function: "__schedule" }, { function: "__mutex_lock", source: "kernel/locking/mutex.c:747" }],
    ...(wait ? { wait: { kind: "mutex", function: "__mutex_lock", waiters: [], ...wait } } : {}),
    ...more,
  };
}

function facts(...tasks: TaskFacts[]): WaitFacts {
  const blocked = tasks.filter(({ state }) => state === "D").length;
  return {
    schemaVersion: 1,
    drgn: "0.0.22",
    release: "6.1.115",
    blocked,
    tasks,
    truncated: false,
    unread: [],
  };
}

const member = { type: "member", name: "uring_lock", of: "struct io_ring_ctx", at: lock(0) } as const;

describe("who waits for whom", () => {
  test("is a deadlock where two hold what the other wants, told once", () => {
    const verdict = judge(
      facts(
        task(1, {
          object: lock(1),
          owner: { type: "task", task: addressOf(2) },
          place: { type: "variable", name: "a" },
        }),
        task(2, {
          object: lock(2),
          owner: { type: "task", task: addressOf(1) },
          place: { type: "variable", name: "b" },
        }),
      ),
    );
    expect(verdict.type).toBe("cycle");
    expect(verdict.chains).toHaveLength(1);
    expect(verdict.sentence).toBe(
      "Deadlock of 2: t1:1 waits for the mutex a, held by t2:2 waits for the mutex b, held by t1:1.",
    );
  });

  test("names everybody who waits for a lock that nobody owns", () => {
    const wait = { object: lock(1), place: member, word: "0x1", owner: { type: "nobody" } } as const;
    const verdict = judge(facts(task(1, wait), task(2, wait)));
    expect(verdict).toMatchObject({
      type: "nobody",
      sentence:
        "Nobody owns the mutex uring_lock of struct io_ring_ctx, for which t1:1 and t2:2 wait: a wake-up was lost, or the lock is corrupt.",
    });
  });

  test("says of an owner that has exited who its memory says it was", () => {
    const gone = { type: "gone", address: addressOf(9), was: { pid: 9, comm: "holder" } } as const;
    expect(judge(facts(task(1, { object: lock(1), owner: gone }))).sentence).toContain(
      "has exited with it: holder:9.",
    );
    // Its memory was given to another since: who it was is not known any more.
    const reused = { type: "gone", address: addressOf(9), now: { pid: 12, comm: "later" } } as const;
    const later = facts(task(1, { object: lock(1), owner: reused }));
    expect(judge(later).sentence).toMatch(/has exited with it\.$/);
    expect(renderWhy(later, { width: 200 })).toContain("its memory is later:12's by now");
    const zombie = task(9, undefined, { state: "Z" });
    const held = { type: "task", task: zombie.address } as const;
    expect(judge(facts(task(1, { object: lock(1), owner: held }), zombie)).type).toBe("owner-exited");
  });

  test.each([
    ["sleeps for another reason", { state: "S" }, "owner-sleeps"],
    ["is ready to run", { state: "R" }, "owner-runs"],
    ["is on a processor", { state: "S", running: true }, "owner-runs"],
  ] as const)("tells an owner that %s from one that is stuck", (_what, more, type) => {
    const owner = { type: "task", task: addressOf(2) } as const;
    expect(judge(facts(task(1, { object: lock(1), owner }), task(2, undefined, more))).type).toBe(type);
  });

  test("takes an owner in S whose sleep was not made out for one that sleeps for another reason", () => {
    const unknown = { kind: "unknown", function: "pipe_read", owner: { type: "unreadable" } } as const;
    const verdict = judge(
      facts(
        task(1, { object: lock(1), owner: { type: "task", task: addressOf(2) } }),
        task(2, unknown, { state: "S" }),
      ),
    );
    expect(verdict.type).toBe("owner-sleeps");
    expect(verdict.sentence).toMatch(/^t2:2 holds .* and sleeps for another reason: pipe_read\.$/);
  });

  test("follows a chain to its end, and tells only the longest of those that share it", () => {
    const owned = (pid: number): OwnerFact => ({ type: "task", task: addressOf(pid) });
    const verdict = judge(
      facts(
        task(1, { object: lock(1), owner: owned(2) }),
        task(2, { object: lock(2), owner: owned(3) }),
        task(3, { object: lock(3), owner: { type: "nobody" } }),
      ),
    );
    expect(verdict.chains.map(({ links }) => links.map((link) => link.task.pid))).toEqual([[1, 2, 3]]);
    expect(verdict.type).toBe("nobody");
  });

  test("knows a wake-up that was lost from one that has not come", () => {
    const completion = { kind: "completion", function: "wait_for_completion", object: lock(1) } as const;
    const lost = task(1, { ...completion, owner: { type: "not kept", signalled: true } });
    const open = task(1, { ...completion, owner: { type: "not kept", signalled: false } });
    expect(judge(facts(lost)).type).toBe("lost-wake-up");
    expect(judge(facts(open)).sentence).toContain("who should end the wait cannot be read");
  });

  test("says that nothing is stuck, or that it could not be read, and guesses neither", () => {
    expect(judge(facts(task(1))).type).toBe("nothing");
    expect(judge(facts(task(1, undefined, { state: "D" }))).type).toBe("unreadable");
  });

  test("ends on a chain that bites its own tail further up", () => {
    const owned = (pid: number): OwnerFact => ({ type: "task", task: addressOf(pid) });
    const verdict = judge(
      facts(
        task(1, { object: lock(1), owner: owned(2) }),
        task(2, { object: lock(2), owner: owned(3) }),
        task(3, { object: lock(3), owner: owned(2) }),
      ),
    );
    expect(verdict.chains[0]?.end).toEqual({ type: "cycle", from: 1 });
    expect(verdict.sentence).toMatch(/^Deadlock of 2: t2:2 waits/);
  });
});

describe("what is shown of it", () => {
  const nobody: Partial<WaitFact> & { owner: OwnerFact } = {
    object: lock(1),
    place: member,
    word: "0x1",
    owner: { type: "nobody" },
    lockdep: [],
  };

  test("fits 80 columns, and says what could not be read", () => {
    const all = { ...facts(task(1, nobody)), unread: [`stack of 7: ${"x".repeat(120)}`], truncated: true };
    const text = renderWhy(all, { width: 80 });
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(text).toContain("held by   nobody (owner word 0x1)");
    expect(text).toContain("lockdep   nobody holds it");
    expect(text).toContain("__mutex_lock (kernel/locking/mutex.c:747)");
    expect(text).toContain("Not read: stack of 7");
  });

  test("says of lockdep's record that it is old, where lockdep has stopped", () => {
    const text = renderWhy({ ...facts(task(1, nobody)), lockdep: "off" }, { width: 120 });
    expect(text).toContain("lockdep   nobody holds it, when it stopped looking at its first report");
  });

  test("is a graph with an arrow to the owner, and none where there is no owner", () => {
    const owned = { object: lock(2), owner: { type: "task", task: addressOf(1) } } as const;
    const { nodes, edges } = graphOf(facts(task(1, nobody), task(2, owned)));
    expect(nodes.map(({ kind }) => kind)).toEqual(["task", "lock", "task", "lock"]);
    expect(nodes[1]?.detail).toMatch(/^owned by nobody; /);
    expect(edges.map(({ label }) => label)).toEqual(["waits for", "waits for", "is held by"]);
  });

  test("holds nothing that a terminal obeys, and nothing without bounds", () => {
    const hostile = facts(task(1, nobody, { comm: "\u001b]0;x\u0007evil" }));
    expect(waitFactsSchema.parse(hostile).tasks[0]?.comm).toBe("evil");
    const flood = facts(...Array.from({ length: 500 }, (_, pid) => task(pid)));
    expect(waitFactsSchema.safeParse(flood).success).toBe(false);
  });
});
