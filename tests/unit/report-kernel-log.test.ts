import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderLog } from "../../src/report/kernel-log.ts";
import { logDocument } from "../../src/report/log-document.ts";
import { wrap } from "../../src/report/wrap.ts";
import { reportOf } from "./read-log.ts";

const read = (name: string): string =>
  readFileSync(new URL(`./fixtures/kernel-log/${name}.txt`, import.meta.url), "utf8");

/** The same hung task, some time later. */
const later = (seconds: number): string => read("hung-task").replace(/^\[ *\d+\./gm, `[  ${seconds}.`);

describe("renderLog", () => {
  test("shows title, facts, the guilty function in its call chain, and a sentence that sums up", async () => {
    const first = read("hung-task").split(/(?=^.*INFO: task iou-sqp)/m)[0] ?? "";
    expect(renderLog(await reportOf(first), { width: 80 })).toBe(
      [
        "INFO: task hung in io_uring_del_tctx_node",
        "  hung-task · lines 1-23 · 52.119 s · node:132 · Linux 6.1.115",
        "  seconds: 10",
        "      __schedule+0x2a1/0x8d0",
        "      schedule+0x5e/0xd0",
        "      schedule_preempt_disabled+0x15/0x30",
        "      __mutex_lock.constprop.0+0x39a/0x6c0",
        "  ->  io_uring_del_tctx_node+0x61/0xe0",
        "      io_uring_clean_tctx+0x5c/0xc0",
        "      io_uring_cancel_generic+0x1a5/0x340",
        "      do_exit+0x2f8/0xb10",
        "      do_group_exit+0x31/0x90",
        "      ... 6 more",
        "",
        "1 finding of 1 kind in 23 lines (1.1 KiB)",
      ].join("\n"),
    );
  });

  test("counts a bug that shows again with its first time", async () => {
    const text = renderLog(await reportOf(read("hung-task"), later(130), later(250)), { width: 200 });
    expect(text.match(/task hung in io_sq_thread/g)).toHaveLength(1);
    expect(text).toContain("2 times more: lines 63-78 at 130.");
    expect(text).toContain("6 findings of 1 kind in 117 lines");
  });

  test("says of a long row of repetitions only the first few, unless all is asked for", async () => {
    const logs = Array.from({ length: 9 }, (_, index) => later(100 + index));
    const report = await reportOf(...logs);
    expect(renderLog(report, { width: 200 })).toContain("and 4 more");
    expect(renderLog(report, { width: 200, full: true })).not.toMatch(/and \d+ more/);
  });

  test("says that nothing was found", async () => {
    expect(renderLog(await reportOf("one\ntwo\n"), { width: 80 })).toBe("no findings in 2 lines (8 B)");
  });

  test("shows all of a call chain and the registers when asked to", async () => {
    const report = await reportOf(read("null-deref"));
    expect(renderLog(report, { width: 200 })).not.toContain("RAX");
    const full = renderLog(report, { width: 200, full: true });
    expect(full).toContain("RAX: 0000000000000000 RBX: ffff888104c1b000");
    expect(full).not.toContain("... ");
  });

  test("marks source lines below their frame, and gives their links when asked to", async () => {
    const report = await reportOf(read("hung-task"));
    const link = "https://example.org/kernel/locking/mutex.c#n747";
    const groups = report.groups.map((group) => ({
      ...group,
      finding: {
        ...group.finding,
        frames: group.finding.frames.map((frame) => ({
          ...frame,
          places: [
            { function: "__mutex_lock_common", file: "kernel/locking/mutex.c", line: 679, inlined: true },
            { function: "__mutex_lock", file: "kernel/locking/mutex.c", line: 747, inlined: false, link },
          ],
        })),
      },
    }));
    const decoded = { ...report, groups };
    const text = renderLog(decoded, { width: 100 });
    expect(text).toContain(
      "          at kernel/locking/mutex.c:679 (inlined __mutex_lock_common)\n          at kernel/locking/mutex.c:747\n",
    );
    expect(text).not.toContain(link);
    expect(renderLog(decoded, { width: 100, full: true })).toContain(link);
  });

  test("colours only when asked to", async () => {
    const report = await reportOf(read("hung-task"));
    const colourful = renderLog(report, { width: 80, colour: true });
    expect(renderLog(report, { width: 80 })).not.toContain("\x1b");
    expect(colourful).toContain("\x1b[");
    expect(stripVTControlCharacters(colourful)).toBe(renderLog(report, { width: 80 }));
  });

  test.each([20, 40, 80])("no line is wider than %i columns", async (width) => {
    const text = renderLog(await reportOf(read("kasan"), read("hung-task"), read("panic-rootfs")), { width });
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
  });
});

describe("logDocument", () => {
  test("has every field of a finding, how often it showed, and where", async () => {
    const document = logDocument(await reportOf(read("hung-task"), later(130)));
    expect(document).toMatchObject({
      lines: 78,
      total: 4,
      kinds: { "hung-task": 4 },
      findings: [
        {
          kind: "hung-task",
          severity: "stall",
          count: 2,
          occurrences: [{ firstLine: 1 }, { firstLine: 40 }],
        },
        { kind: "hung-task", count: 2, pid: 142 },
      ],
    });
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  test("stays bounded for a log that breaks all the time, and still counts all of it", async () => {
    const lines = Array.from(
      { length: 3000 },
      (_, index) =>
        `[    1.000000] WARNING: CPU: 0 PID: 1 at fs/x.c:1 broken_${[...`${index}`].join("_")}+0x1/0x2\n`,
    );
    const document = logDocument(await reportOf(...lines, ...lines));
    expect(document).toMatchObject({ total: 6000, omitted: 4000 });
    expect(document.findings).toHaveLength(1000);
  });
});

describe("wrap", () => {
  test("loses no word and exceeds no width", () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^\S{1,12}$/)),
        fc.integer({ min: 12, max: 60 }),
        (words, width) => {
          const lines = wrap(words.join(" "), { width });
          expect(lines.join(" ")).toBe(words.join(" "));
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  test("cuts a word that is wider than a line", () => {
    expect(wrap("a bbbbbbb c", { width: 3 })).toEqual(["a", "bbb", "bbb", "b c"]);
  });
});
