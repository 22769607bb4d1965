import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { hosts, jobs } from "../../scripts/test-hosts/hosts.ts";
import { formatTime, type Row, withRows } from "../../scripts/test-hosts/table.ts";

const page = "before\n<!-- npm run test:hosts writes the rows below -->\n<!-- end of the rows -->\nafter\n";

function row(change: Partial<Row> & { title?: string }): Row {
  const host = hosts.find(({ title }) => title === (change.title ?? "Debian 13"));
  if (!host) throw new Error("there is no such host");
  return {
    host,
    qemu: "10.0.13",
    gcc: "14.2.0",
    node: "20.19.2",
    user: "root",
    job: "start",
    result: "6.1.115 reproduced, 6.1.129 clean",
    good: true,
    milliseconds: 125_000,
    commit: "abc1234",
    day: "2026-11-26",
    ...change,
  };
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line.startsWith("| Debian"));

describe("the table of hosts", () => {
  test("takes the place of an earlier row of the same host, user and job, and keeps all others", () => {
    const first = withRows(page, [row({}), row({ user: "ordinary", result: "old" })]);
    const second = withRows(first, [row({ user: "ordinary", result: "a|b", good: false })]);
    expect(linesOf(second)).toEqual([
      "| Debian 13 | 10.0.13 | 14.2.0 | 20.19.2 | root | start | 6.1.115 reproduced, 6.1.129 clean | 2 min 5 s | abc1234, 2026-11-26 |",
      "| Debian 13 | 10.0.13 | 14.2.0 | 20.19.2 | ordinary | start | **failed**: a\\|b | 2 min 5 s | abc1234, 2026-11-26 |",
    ]);
    expect(second).toMatch(/^before\n/);
    expect(second).toMatch(/\nafter\n$/);
    expect(withRows(second, [])).toBe(second);
  });

  test("is in the order of hosts, users and jobs, whenever they were run", () => {
    const late = [
      row({ title: "Debian sid" }),
      row({ job: "package" }),
      row({ title: "Debian 12" }),
      row({}),
    ];
    const order = linesOf(withRows(page, late)).map((line) =>
      line.split(" | ").filter((_, at) => at === 0 || at === 5),
    );
    expect(order).toEqual([
      ["| Debian 12", "start"],
      ["| Debian 13", "start"],
      ["| Debian 13", "package"],
      ["| Debian sid", "start"],
    ]);
  });

  test("has its place in the page", async () => {
    const docs = await readFile(new URL("../../docs/hosts.md", import.meta.url), "utf8");
    expect(withRows(docs, [])).toBe(docs);
    for (const job of Object.keys(jobs)) expect(docs).toContain(`\`${job}\``);
  });

  test("refuses a page that has none", () => {
    expect(() => withRows("nothing", [row({})])).toThrow("no lines");
  });
});

test("a time is told in minutes and seconds", () => {
  expect([formatTime(59_400), formatTime(3_723_000)]).toEqual(["59 s", "62 min 3 s"]);
});
