import { describe, expect, test } from "vitest";
import { chooseCells, parseAxis, parseEnvironment, splitSelectors } from "../../src/campaign/matrix/cells.ts";

const repro = {
  axes: {
    kernel: ["6.1.115", "6.1.129"],
    node: ["20.9.0"],
    env: [{}, { UV_USE_IO_URING: "0" }],
    own: { workload: ["lstat", "npm-ci"] },
  },
  cells: {
    bad: [{ kernel: "6.1.115" }],
    control: [{ kernel: "6.1.129" }, { env: { UV_USE_IO_URING: "0" } }, { kernel: "6.1.129" }],
  },
} as const;

describe("the cells of a matrix", () => {
  test("are those that show the failure and its absence, when nothing is asked for, each once", () => {
    const cells = chooseCells(repro, {}, { all: false });
    expect(cells.map(({ kernel, env }) => [kernel, env])).toEqual([
      ["6.1.115", {}],
      ["6.1.129", {}],
      ["6.1.115", { UV_USE_IO_URING: "0" }],
    ]);
  });

  test("are every combination of what is asked for, with the first value of every other axis", () => {
    const cells = chooseCells(
      repro,
      { kernel: ["6.1.106", "6.1.115"], env: [{}, { A: "1" }], axes: { workload: ["npm-ci", "lstat"] } },
      { all: false },
    );
    expect(cells).toHaveLength(8);
    expect(new Set(cells.map(({ node }) => node))).toEqual(new Set(["20.9.0"]));
    expect(cells[0]).toMatchObject({ kernel: "6.1.106", env: {}, axes: { workload: "npm-ci" } });
  });

  test("with --all are every combination of all values", () => {
    expect(chooseCells(repro, {}, { all: true })).toHaveLength(8);
    expect(chooseCells(repro, { kernel: ["6.1.106"] }, { all: true })).toHaveLength(4);
  });

  test.each([
    [{ axes: { speed: ["1"] } }, 'no axis "speed"'],
    [{ axes: { workload: ["yarn"] } }, 'no value "yarn"'],
    [{ kernel: [] }, "has no values"],
  ])("%j is refused", (choice, sentence) => {
    expect(() => chooseCells(repro, choice, { all: false })).toThrow(sentence);
  });
});

test.each([
  ["6.1.106,6.1.115", ["6.1.106", "6.1.115"]],
  ["deb:6.12.43-1~bpo12+1, 6.1", ["deb:6.12.43-1~bpo12+1", "6.1"]],
  ["git:/a,b/linux@v6.1,file:/x/bzImage", ["git:/a,b/linux@v6.1", "file:/x/bzImage"]],
  ["6.1.106..6.1.115,20.9.0", ["6.1.106..6.1.115", "20.9.0"]],
  ["20.9.0,image", ["20.9.0", "image"]],
  ["", []],
])("%j is the list %j", (text, list) => {
  expect(splitSelectors(text)).toEqual(list);
});

test.each([
  ["none", {}],
  ["", {}],
  ["A=1", { A: "1" }],
  ["A=", { A: "" }],
  ["A=1 B=2", { A: "1", B: "2" }],
  ["A=a,b=c", { A: "a,b=c" }],
  [
    "NODE_OPTIONS=--jitless --no-opt  UV_USE_IO_URING=0",
    { NODE_OPTIONS: "--jitless --no-opt", UV_USE_IO_URING: "0" },
  ],
])("%j is the environment %j", (text, env) => {
  expect(parseEnvironment(text)).toEqual(env);
});

test.each(["A", "1A=x", "=x", "nothing"])("%j is no environment", (text) => {
  expect(() => parseEnvironment(text)).toThrow("is no environment");
});

test("values of an axis are separated by commas", () => {
  expect(parseAxis("workload=lstat,npm-ci")).toEqual(["workload", ["lstat", "npm-ci"]]);
  for (const text of ["workload", "workload=", "=x"])
    expect(() => parseAxis(text)).toThrow("names no values");
});
