import { describe, expect, test } from "vitest";
import { DeadlineError, InfraError } from "../../src/base/errors.ts";
import { blameFor, describeProblem, ownErrorOf } from "../../src/repro/problem.ts";

const checkout = { home: "/checkout/", code: "/checkout/src/" };
const installed = {
  home: "/project/node_modules/dstate/",
  code: "/project/node_modules/dstate/dist/src/",
};

/** An error with a stack as V8 prints it. */
function errorAt(stack: readonly string[], error: Error = new TypeError("x is undefined")): Error {
  error.stack = [`${error.name}: ${error.message}`, ...stack.map((call) => `    at ${call}`)].join("\n");
  return error;
}

describe("an error out of a repro's own function", () => {
  test.each<[string, readonly string[], typeof checkout, "author" | "ours"]>([
    [
      "in its file",
      ["trial (file:///me/repros/a/trial.ts:3:7)", "run (/checkout/src/repro/define.ts:1:1)"],
      checkout,
      "author",
    ],
    [
      "below Node's own calls",
      [
        "JSON.parse (<anonymous>)",
        "async open (node:internal/fs/promises:639:25)",
        "async /me/a/trial.ts:3:7",
      ],
      checkout,
      "author",
    ],
    ["in a repro of the checkout", ["trial (/checkout/tests/repros/a/trial.ts:3:7)"], checkout, "author"],
    [
      "in a package that it uses",
      ["parse (/me/node_modules/tap/index.js:1:1)", "trial (/me/repros/a/trial.ts:3:7)"],
      checkout,
      "author",
    ],
    [
      "in dstate",
      ["Guest.exec (/checkout/src/guest/guest.ts:3:7)", "trial (/me/repros/a/trial.ts:3:7)"],
      checkout,
      "ours",
    ],
    [
      "in a package that dstate uses",
      [
        "send (/checkout/node_modules/ssh2/lib/client.js:1:1)",
        "Guest.exec (/checkout/src/guest/guest.ts:3:7)",
        "trial (/me/a/trial.ts:3:7)",
      ],
      checkout,
      "ours",
    ],
    [
      "in an installed dstate",
      ["Guest.exec (file:///project/node_modules/dstate/dist/src/guest/guest.js:3:7)"],
      installed,
      "ours",
    ],
    [
      "in a repro of an installed dstate",
      ["trial (file:///project/node_modules/dstate/dist/tests/repros/a/trial.js:3:7)"],
      installed,
      "author",
    ],
    ["beside an installed dstate", ["trial (file:///project/repros/a/trial.js:3:7)"], installed, "author"],
    ["nowhere that is told", ["Socket.<anonymous> (node:net:1:1)"], checkout, "ours"],
  ])("%s is whose it is", (_where, stack, own, blame) => {
    expect(blameFor(errorAt(stack), own)).toBe(blame);
  });

  const inTrial = ["trial (/me/repros/a/trial.ts:3:7)"];
  test.each<[string, Error]>([
    ["a full disk", Object.assign(new Error("write"), { code: "ENOSPC" })],
    [
      "a network that does not answer",
      new TypeError("fetch failed", { cause: Object.assign(new Error("connect"), { code: "ECONNREFUSED" }) }),
    ],
    [
      "a program that failed, as zx says it",
      Object.assign(new Error("exit code: 3"), { exitCode: 3, stdout: "", stderr: "" }),
    ],
    ["what dstate throws on purpose", new InfraError("QEMU ended")],
    ["what was made from that", new Error("the set-up failed", { cause: new DeadlineError("a file", 1000) })],
  ])("is not the author's when it is %s", (_what, error) => {
    expect(blameFor(errorAt(inTrial, error), checkout)).toBe("ours");
  });

  test("is the author's when it is no error at all: dstate throws none", () => {
    expect(blameFor("wrong")).toBe("author");
    expect(describeProblem("wrong")).toEqual({ type: "string", message: "wrong", stack: [] });
  });

  test("is found in what it was made from, also where causes go in a circle", () => {
    const deadline = new DeadlineError("a file", 1000);
    const outer = new Error("outer", { cause: new Error("inner", { cause: deadline }) });
    deadline.cause = outer;
    expect(ownErrorOf(outer)).toBe(deadline);
    const [one, two] = [new Error("one"), new Error("two")];
    one.cause = two;
    two.cause = one;
    expect(ownErrorOf(one)).toBeUndefined();
  });

  test("is described with its place and its calls, up to the repro's own that began them", () => {
    const stack = [
      "read (file:///me/repros/a/parse.ts:12:16)",
      "async trial (/me/repros/a/trial.ts:5:30)",
      "Object.run (/checkout/src/repro/define.ts:102:36)",
      "process.processTicksAndRejections (node:internal/process/task_queues:104:5)",
    ];
    expect(describeProblem(errorAt(stack), checkout)).toEqual({
      type: "TypeError",
      message: "x is undefined",
      place: { file: "/me/repros/a/parse.ts", line: 12, column: 16 },
      stack: ["read (/me/repros/a/parse.ts:12:16)", "async trial (/me/repros/a/trial.ts:5:30)"],
    });
  });

  test("of dstate is described with all its calls, and the place in the repro where it came from", () => {
    const stack = [
      "Guest.exec (/checkout/src/guest/guest.ts:3:7)",
      "async trial (/me/repros/a/trial.ts:5:30)",
      "run (/checkout/src/a.ts:1:1)",
    ];
    const problem = describeProblem(errorAt(stack), checkout);
    expect(problem.place).toEqual({ file: "/me/repros/a/trial.ts", line: 5, column: 30 });
    expect(problem.stack).toHaveLength(2);
    expect(
      describeProblem(errorAt(["Guest.exec (/checkout/src/guest/guest.ts:3:7)"]), checkout).place,
    ).toBeUndefined();
  });

  test("is made fit to be shown", () => {
    const problem = describeProblem(errorAt([], new Error(`\x1b]0;title\x07${"x".repeat(5000)}`)));
    expect(problem.message).not.toContain("\x1b");
    expect(problem.message.length).toBeLessThanOrEqual(2000);
  });
});
