import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { findingKinds } from "../../src/kernel-log/kernel-log.ts";
import { renderLog } from "../../src/report/kernel-log.ts";
import { explain, renderExplanation } from "../../src/report/kernel-log-explain.ts";
import { meanings } from "../../src/report/kernel-log-means.ts";
import { logDocument } from "../../src/report/log-document.ts";
import { reportOf } from "./read-log.ts";

const folder = new URL("./fixtures/kernel-log/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(`${name}.txt`, folder), "utf8");

/** Every text and number of a document, without the names of its fields. */
function facts(value: unknown): (string | number)[] {
  if (typeof value === "string" || typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(facts) : [];
}

describe("text and document", () => {
  const names = readdirSync(folder).map((file) => file.replace(/\.txt$/, ""));

  test.each(names)("of %s tell the same facts", async (name) => {
    const report = await reportOf(read(name));
    const text = renderLog(report, { width: 2000, full: true });
    const { findings, waits, heldLocks } = logDocument(report);
    for (const finding of findings) {
      const { kind, title, severity, fingerprint, task, pid, cpu, kernel, taint, detail, guilty } = finding;
      const { registers = "", occurrences, frames } = finding;
      const told = [kind, title, severity, fingerprint, task, pid, kernel, taint, guilty, cpu];
      told.push(...Object.values(detail ?? {}), ...registers.split("\n").map((line) => line.trim()));
      told.push(...occurrences.flatMap((once) => [once.firstLine, once.lastLine, once.task, once.pid]));
      told.push(...frames.map((frame) => frame.function));
      for (const fact of told) {
        if (fact !== undefined) expect([fact, text.includes(`${fact}`)]).toEqual([fact, true]);
      }
    }
    for (const fact of facts([waits.map(({ source, ...wait }) => wait), heldLocks]))
      expect([fact, text.includes(`${fact}`)]).toEqual([fact, true]);
  });

  test("name every task of a bug that showed several times", async () => {
    const log = [
      "[  312.000001] INFO: task alpha:41 blocked for more than 120 seconds.",
      "[  312.000002]       Not tainted 6.1.7 #1",
      "[  312.000003] INFO: task beta:42 blocked for more than 120 seconds.",
      "[  312.000004]       Not tainted 6.1.7 #1",
    ];
    expect(renderLog(await reportOf(log.join("\n")), { width: 80 })).toContain(
      "once more: lines 3-4 at 312.000 s beta:42",
    );
  });

  test("tell different places of one check apart, where nothing else is known of them", async () => {
    const log =
      "[  1.000001] UBSAN: array-index-out-of-bounds in drivers/tiny/a.c:10:12\n[  1.000002] UBSAN: array-index-out-of-bounds in drivers/tiny/b.c:77:12\n";
    expect((await reportOf(log)).groups).toHaveLength(2);
  });

  test("say who holds what", async () => {
    const log = [
      "[  312.000001] Showing all locks held in the system:",
      "[  312.000002] 2 locks held by sh/10:",
      "[  312.000003]  #0: ffff888104c1b0d8 (&a->lock){+.+.}-{3:3}, at: tiny_write+0x10/0x20",
      "[  312.000004]  #1: ffff888104c1b1d8 (&b->lock){+.+.}-{3:3}, at: tiny_more+0x10/0x20",
      "[  312.000005] 1 lock held by cat/12:",
      "[  312.000006]  #0: ffff888104c1b0d8 (&a->lock){+.+.}-{3:3}, at: tiny_read+0x10/0x20",
      "",
    ];
    const report = await reportOf(log.join("\n"));
    const text = renderLog(report, { width: 80 });
    expect(text).toContain("who waits for whom\n  cat:12 waits for sh:10 (&a->lock)");
    expect(text).toContain("sh:10 holds or wants &a->lock (in tiny_write), &b->lock (in tiny_more)");
    expect(logDocument(report)).toMatchObject({
      waits: [{ waiter: { comm: "cat", pid: 12 }, owner: { comm: "sh", pid: 10 } }],
      heldLocks: [{ at: "tiny_write" }, { at: "tiny_more" }, { at: "tiny_read" }],
    });
  });
});

describe("an explanation", () => {
  test("is there for every kind, with a link and something to do", () => {
    for (const kind of Object.keys(findingKinds)) expect(Object.keys(meanings)).toContain(kind);
    for (const { means, next, link } of Object.values(meanings)) {
      expect(means.length).toBeGreaterThan(40);
      expect(next.length).toBeGreaterThan(40);
      expect(link).toMatch(
        /^https:\/\/(?:docs\.kernel\.org\/\S+\.html|github\.com\/torvalds\/linux\/blob\/master\/\S+)/,
      );
    }
  });

  test("says what the task waits for, by the function that waits", async () => {
    const { groups } = await reportOf(read("hung-task"));
    expect(explain(groups, 1).waitsFor).toBe(
      "node waits for a mutex: __mutex_lock of kernel/locking/mutex.c, called by io_uring_del_tctx_node.",
    );
  });

  test("says who has it, where the kernel knows", async () => {
    const { groups } = await reportOf(read("hung-task-owner"));
    expect(explain(groups, 1).waitsFor).toContain("likely owned by task sh:764");
  });

  test("says nothing of waiting for what does not wait", async () => {
    const { groups } = await reportOf(read("null-deref"));
    expect(explain(groups, 1)).not.toHaveProperty("waitsFor");
  });

  test("fits the terminal, but for its link", async () => {
    const { groups } = await reportOf(read("hung-task"));
    const lines = renderExplanation(explain(groups, 1), { width: 60 }).split("\n");
    for (const line of lines.filter((text) => !text.startsWith("http")))
      expect(line.length).toBeLessThanOrEqual(60);
  });

  test("of a finding that is not there is a usage error that says how many there are", async () => {
    const { groups } = await reportOf(read("hung-task"));
    expect(() => explain(groups, 3)).toThrow("there is no finding 3 to explain: the log has 2");
  });
});
