import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeWaits, readWaits } from "../../src/kernel-log/waits.ts";

const lockdep = `
[   63.104411] Showing all locks held in the system:
[   63.104902] 1 lock held by khungtaskd/25:
[   63.105370]  #0: ffffffff82b6c4e0 (rcu_read_lock){....}-{1:2}, at: debug_show_all_locks+0x15/0x17a
[   63.106251] 2 locks held by iou-sqp-132/142:
[   63.106688]  #0: ffff888004c1a0a8 (&ctx->uring_lock){+.+.}-{3:3}, at: io_sq_thread+0x14b/0x530
[   63.107590]  #1: ffff888004f31070 (&sqd->lock){+.+.}-{3:3}, at: io_sq_thread+0x1f0/0x530
[   63.108473] 2 locks held by node/132:
[   63.108859]  #0: ffff888004aaa0a0 (&tctx->lock){+.+.}-{3:3}, at: io_uring_clean_tctx+0x20/0x90
[   63.109740]  #1: ffff888004c1a0a8 (&ctx->uring_lock){+.+.}-{3:3}, at: io_uring_del_tctx_node+0x6a/0xd0
[   63.110688] =============================================
`;

describe("who waits for whom", () => {
  test.each([
    [
      "INFO: task kworker/u9:2:771 is blocked on a mutex likely owned by task sh:764.",
      "kworker/u9:2:771 waits for sh:764 (mutex)",
    ],
    [
      "[   52.1] INFO: task cat:81 blocked on a semaphore likely last held by task my task:7.",
      "cat:81 waits for my task:7 (semaphore)",
    ],
    [
      "INFO: task cat:81 <reader> blocked on an rw-semaphore likely owned by task dd:7 <writer>",
      "cat:81 waits for dd:7 (rw-semaphore)",
    ],
    [
      "INFO: task cat:81 is blocked on a mutex, but the owner is not found.",
      "cat:81 waits for a mutex whose owner the kernel does not know",
    ],
  ])("%s", (line, told) => {
    expect(describeWaits(readWaits(line))).toEqual([told]);
  });

  test("lockdep's list tells the owner of a lock: the task that took another one after it", () => {
    expect(readWaits(lockdep)).toEqual([
      {
        waiter: { comm: "node", pid: 132 },
        lock: "&ctx->uring_lock",
        owner: { comm: "iou-sqp-132", pid: 142 },
        source: "lockdep",
      },
    ]);
  });

  test("of two tasks that both asked for a lock last, neither is said to have it", () => {
    const log = [
      "Showing all locks held in the system:",
      "1 lock held by a/1:",
      " #0: ffff888004c1a0a8 (&x){+.+.}-{3:3}, at: f+0x1/0x2",
      "1 lock held by b/2:",
      " #0: ffff888004c1a0a8 (&x){+.+.}-{3:3}, at: f+0x1/0x2",
    ].join("\n");
    expect(readWaits(log)).toEqual([]);
  });

  const list = (...holders: readonly (readonly string[])[]): string =>
    [
      "Showing all locks held in the system:",
      ...holders.flatMap(([task, ...locks]) => [
        `${locks.length} locks held by ${task}:`,
        ...locks.map(
          (lock, index) => ` #${index}: ffff888004c1a0${lock} (&${lock}){+.+.}-{3:3}, at: f+0x1/0x2`,
        ),
      ]),
    ].join("\n");

  test("a lock that a second list shows is not mixed with the same one in the first", () => {
    const first = list(["a/1", "aa", "bb"]);
    const second = list(["b/2", "aa"]);
    expect(readWaits(`${first}\n${second}`)).toEqual([]);
    expect(readWaits(list(["a/1", "aa", "bb"], ["b/2", "aa"]))).toMatchObject([
      { waiter: { pid: 2 }, lock: "&aa", owner: { pid: 1 } },
    ]);
  });

  test("of two readers that both went on, neither is said to hold up a third", () => {
    expect(readWaits(list(["a/1", "aa", "bb"], ["b/2", "aa", "cc"], ["c/3", "aa"]))).toEqual([]);
  });

  test("a chain is one line, and a circle is called one", () => {
    const wait = (waiter: string, owner: string): string =>
      `INFO: task ${waiter} is blocked on a mutex likely owned by task ${owner}.`;
    expect(describeWaits(readWaits([wait("b:2", "c:3"), wait("a:1", "b:2")].join("\n")))).toEqual([
      "a:1 waits for b:2 (mutex) waits for c:3 (mutex)",
    ]);
    expect(describeWaits(readWaits([wait("a:1", "b:2"), wait("b:2", "a:1")].join("\n")))).toEqual([
      "a:1 waits for b:2 (mutex) waits for a:1 (mutex): a circle",
    ]);
  });

  test("the same wait, reported every few seconds, is one", () => {
    const line = "INFO: task a:1 is blocked on a mutex likely owned by task b:2.\n";
    expect(readWaits(line.repeat(5))).toHaveLength(1);
  });

  test("any text is taken without an exception", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void describeWaits(readWaits(text))));
  });
});
