import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { type Axes, chooseCell, describeCell } from "../../src/lab/cell.ts";
import { fitWidths, renderTable } from "../../src/report/table.ts";
import { defineRepro, type ReproDefinition } from "../../src/repro/define.ts";
import { judge } from "../../src/repro/judge.ts";
import { exitCodeOf, type Outcome, worstOutcome } from "../../src/repro/outcome.ts";

const axes: Axes = {
  kernel: ["6.1.115", "6.1.129"],
  node: ["20.9.0"],
  env: [{}, { A: "1" }],
  own: { workload: ["lstat", "npm-ci"] },
};

describe("cells", () => {
  test("what is not chosen is the first value of its axis", () => {
    expect(chooseCell(axes, {})).toEqual({
      kernel: "6.1.115",
      node: "20.9.0",
      env: {},
      image: "debian",
      axes: { workload: "lstat" },
    });
  });

  test("an axis or a value that does not exist is a usage error that names those that do", () => {
    expect(() => chooseCell(axes, { axes: { libc: "musl" } })).toThrow(UsageError);
    expect(() => chooseCell(axes, { axes: { workload: "nothing" } })).toThrow(/no value "nothing"/);
  });

  test("only an axis that says so takes the path of a file", () => {
    const open: Axes = { ...axes, files: ["workload"] };
    expect(chooseCell(open, { axes: { workload: "./mine.json" } }).axes).toEqual({ workload: "./mine.json" });
    expect(() => chooseCell(open, { axes: { workload: "mine.json" } })).toThrow(/no value/);
    expect(() => chooseCell(axes, { axes: { workload: "./mine.json" } })).toThrow(/no value/);
  });

  test("a cell reads as one line", () => {
    expect(describeCell(chooseCell(axes, { env: { UV_USE_IO_URING: "0" } }))).toBe(
      "kernel 6.1.115, node 20.9.0, UV_USE_IO_URING=0, workload lstat",
    );
    const kernel = `git:/home/me/linux@${"0123456789".repeat(4)}`;
    expect(describeCell(chooseCell(axes, { kernel }))).toContain("kernel git:linux@012345678901,");
  });
});

describe("outcomes", () => {
  const definition = {
    signature: (seen: { bug: boolean; done: boolean }) => seen.bug,
    healthy: (seen: { bug: boolean; done: boolean }) => seen.done,
  };

  test.each([
    [{ bug: true, done: false }, "reproduced"],
    [{ bug: false, done: true }, "clean"],
    [{ bug: false, done: false }, "inconclusive"],
    [{ bug: true, done: true }, "reproduced"],
  ] as const)("%j is judged %s: an unfinished trial is never clean", (seen, outcome) => {
    expect(judge(definition, seen)).toBe(outcome);
  });

  test.each<[Outcome[], Outcome]>([
    [["clean", "clean"], "clean"],
    [["clean", "reproduced", "infra-error"], "reproduced"],
    [["clean", "infra-error"], "infra-error"],
    [["clean", "inconclusive"], "inconclusive"],
    [[], "inconclusive"],
  ])("%j comes to %s", (outcomes, together) => {
    expect(worstOutcome(outcomes)).toBe(together);
  });

  test("exit codes are what git bisect run understands", () => {
    expect((["clean", "reproduced", "inconclusive", "infra-error"] as const).map(exitCodeOf)).toEqual([
      0, 1, 125, 70,
    ]);
  });

  test("an id that is not kebab-case is refused, and so is a definition with a part missing", () => {
    const complete: ReproDefinition<object> = {
      id: "is-kebab",
      title: "",
      upstream: ["https://example.org"],
      axes: { kernel: ["6.1"] },
      cells: { bad: [{}], control: [{}] },
      deadline: "1m",
      trial: async () => ({}),
      signature: () => false,
      healthy: () => true,
      summary: () => "",
    };
    expect(() => defineRepro(complete)).not.toThrow();
    expect(() => defineRepro({ ...complete, id: "Not Kebab" })).toThrow(UsageError);
    for (const part of ["trial", "signature", "healthy", "summary"]) {
      const lacking = Object.fromEntries(Object.entries(complete).filter(([name]) => name !== part));
      // What a file without type checking hands over.
      expect(() => defineRepro(lacking as unknown as typeof complete)).toThrow(
        `${part}: expected a function`,
      );
    }
  });
});

describe("tables", () => {
  test("the widest column gives way first", () => {
    expect(fitWidths([10, 100, 20], 60)).toEqual([10, 30, 20]);
    expect(fitWidths([4, 4], 100)).toEqual([4, 4]);
  });

  test("of many rows is one table, each of them in it once", () => {
    const rows = Array.from({ length: 250 }, (_, row) => [`6.1.${row}`, "clean"]);
    const lines = renderTable(["kernel", "outcome"], rows, { width: 40 }).split("\n");
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines.filter((line) => line.startsWith("┌")).length).toBe(1);
    expect(lines.filter((line) => line.startsWith("├")).length).toBe(250);
    expect(lines.filter((line) => line.startsWith("└"))).toEqual([lines.at(-1)]);
    expect(lines.flatMap((line) => /6\.1\.\d+/.exec(line) ?? [])).toEqual(rows.map(([kernel]) => kernel));
    expect(lines.every((line, index) => index === 0 || /[│├└]/.test(line[0] ?? ""))).toBe(true);
  });

  test("escape sequences of a guest do not reach the terminal", () => {
    expect(renderTable(["a"], [["\x1b[31mred\x1b]0;title\x07"]], { width: 40 })).not.toMatch(/[\x1b\x07]/);
  });
});
