import { expect, test } from "vitest";
import type { MatrixRow, MatrixTrial } from "../../src/campaign/matrix/drive.ts";
import { noTrials, verdictOf } from "../../src/campaign/matrix/matrix.ts";
import type { Cell } from "../../src/lab/cell.ts";
import { renderMatrix, renderMatrixSoFar } from "../../src/report/matrix.ts";

const plan = { trials: 5, confidence: 0.95, full: false };

function row(
  cell: Partial<Cell>,
  seen: Partial<MatrixRow["tally"]>,
  more: { earlier?: number; open?: boolean; problem?: string; summary?: string } = {},
): MatrixRow {
  const tally = { ...noTrials, ...seen };
  const trials = Object.entries(tally).flatMap(([outcome, count]) =>
    Array.from(
      { length: count },
      (): MatrixTrial => ({
        outcome: outcome as MatrixTrial["outcome"],
        summary: more.summary ?? "what was seen",
        evidence: `logs/${outcome}`,
        earlier: false,
      }),
    ),
  );
  return {
    cell: { kernel: "6.1.115", node: "20.9.0", env: {}, image: "debian", axes: {}, ...cell },
    tally,
    verdict: verdictOf(tally, plan),
    open: more.open ?? false,
    trials: trials.map((trial, index) => ({ ...trial, earlier: index < (more.earlier ?? 0) })),
    ...(more.problem === undefined ? {} : { problem: more.problem }),
  };
}

const off = { env: { UV_USE_IO_URING: "0" } };
const grid = [
  row({ kernel: "6.1.106" }, { clean: 5 }),
  row({ kernel: "6.1.106", ...off }, { clean: 5 }, { earlier: 2 }),
  row({}, { reproduced: 5 }),
  row({ ...off }, { clean: 4 }, { open: true }),
];

test("two axes that vary make a grid; what is the same everywhere stands above it", () => {
  expect(renderMatrix(grid, { width: 80, plan })).toMatchInlineSnapshot(`
    "In every cell: node 20.9.0
    ┌──────────────┬──────────────┬───────────────────┐
    │ kernel \\ env │ none         │ UV_USE_IO_URING=0 │
    ├──────────────┼──────────────┼───────────────────┤
    │ 6.1.106      │ not seen     │ not seen          │
    │              │ 0 of 5       │ 0 of 5            │
    │              │ below 43 %   │ (2 earlier)       │
    │              │              │ below 43 %        │
    ├──────────────┼──────────────┼───────────────────┤
    │ 6.1.115      │ fails always │ not seen so far   │
    │              │ 5 of 5       │ 0 of 4            │
    │              │ above 57 %   │ below 66 %        │
    └──────────────┴──────────────┴───────────────────┘
    Below each count the interval of the rate, at 95 %.
    reproduced: kernel 6.1.115, node 20.9.0
      what was seen
      evidence: logs/reproduced"
  `);
});

test("a grid that does not fit, or has holes, or a single axis, makes a row for each cell", () => {
  expect(renderMatrix(grid, { width: 60, plan })).toContain("│ kernel");
  expect(renderMatrix(grid.slice(1), { width: 80, plan })).toContain("│ verdict");
  const own = [
    row({ axes: { workload: "lstat" } }, { reproduced: 1, clean: 2, "infra-error": 1 }),
    row({ axes: { workload: "npm-ci" } }, {}, { problem: "Linux 6.1.115 could not be built" }),
  ];
  expect(renderMatrix(own, { width: 80, plan })).toMatchInlineSnapshot(`
    "In every cell: kernel 6.1.115, node 20.9.0, env none
    ┌──────────┬─────────────────┬───────────────┬─────────────┐
    │ workload │ verdict         │ trials        │ rate (95 %) │
    ├──────────┼─────────────────┼───────────────┼─────────────┤
    │ lstat    │ fails sometimes │ 1 of 3        │ 0.3 to 94 % │
    │          │                 │ 1 infra-error │             │
    ├──────────┼─────────────────┼───────────────┼─────────────┤
    │ npm-ci   │ inconclusive    │               │             │
    └──────────┴─────────────────┴───────────────┴─────────────┘
    reproduced: kernel 6.1.115, node 20.9.0, workload lstat
      what was seen
      evidence: logs/reproduced
    not tried: kernel 6.1.115, node 20.9.0, workload npm-ci
      Linux 6.1.115 could not be built"
  `);
});

test.each([80, 120])("no line is wider than a terminal of %i columns, but for paths of evidence", (width) => {
  const axes = ["a".repeat(60), "b".repeat(60)];
  const rows = ["6.1.106", "deb:6.1.192-2~bpo12+1", "git:/some/where/linux@v6.1.115"].flatMap((kernel) =>
    axes.flatMap((value) => [
      row({ kernel, axes: { profile: value } }, { clean: 3, reproduced: 2 }),
      row({ kernel, axes: { profile: value }, ...off }, { clean: 5 }),
    ]),
  );
  const table = renderMatrix(rows, { width, plan })
    .split("\n")
    .filter((line) => /^[│┌├└]/.test(line));
  expect(table.length).toBeGreaterThan(10);
  for (const line of table) expect(line.length).toBeLessThanOrEqual(width);
});

test("a grid stays one in 80 columns: it is turned, or values of its axes are broken, and no sign of them is lost", () => {
  const kernels = [
    "deb:6.12.74-2~bpo12+1",
    "deb:6.12.85-1~bpo12+1",
    "git:/home/somebody/kernel/src/linux-stable@v6.1.115",
  ];
  const ways = ["sk_msg", "sk_msg and verdict"];
  const rows = kernels.flatMap((kernel) =>
    ways.map((way) => row({ kernel, axes: { way } }, { clean: 3 }, { earlier: 3, open: true })),
  );
  const text = renderMatrix(rows, { width: 80, plan });
  expect(text).not.toContain("│ verdict");
  expect(text).not.toContain("…");
  const shown = text.replace(/[│\s]/g, "");
  for (const kernel of kernels.slice(0, 2)) expect(shown).toContain(kernel);
  expect(text).toMatch(/│ stable@v6\.1\.115 +│/);
});

test("a list keeps every sign of what tells its rows apart, however narrow the terminal", () => {
  const rows = ["v6.1.106", "v6.1.115"].map((tag) =>
    row({ kernel: `git:/home/somebody/src/l66@${tag}` }, { clean: 5 }),
  );
  const text = renderMatrix(rows, { width: 60, plan });
  expect(text).not.toContain("…");
  expect(text).toMatch(/@v6\.1\.106/);
  expect(text).toMatch(/@v6\.1\.115/);
});

test("a matrix that fills shows its table where there is room, else a line for each cell that was tried", () => {
  const open = [
    ...Array.from({ length: 20 }, (_, index) => row({ kernel: `6.1.${index}` }, {}, { open: true })),
    row({ kernel: "6.1.115" }, { reproduced: 2 }, { open: true }),
  ];
  expect(renderMatrixSoFar(open.slice(18), { width: 79, height: 20 }, plan)).toMatch(
    /6\.1\.18 +│ not tried yet/,
  );
  const tried = renderMatrixSoFar(open, { width: 79, height: 8 }, plan);
  expect(tried).toMatch(/│ 6\.1\.115 +│ fails so far +│ 2 of 2/);
  expect(tried).not.toContain("6.1.18");
  const many = open.map((each) => ({ ...each, trials: open.at(-1)?.trials ?? [] }));
  const lines = renderMatrixSoFar(many, { width: 40, height: 5 }, plan).split("\n");
  expect(lines).toHaveLength(5);
  expect(lines.at(-1)).toBe("and 17 more");
});

test("what a guest said cannot move the cursor", () => {
  const text = renderMatrix([row({}, { reproduced: 1 }, { summary: "a\u001b[2Jb\r\nc" })], {
    width: 80,
    plan,
  });
  expect(text).not.toContain("\u001b");
  expect(text).not.toContain("\r");
});
