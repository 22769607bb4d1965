import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import { told } from "../../src/cli/replay.ts";
import { goalOf, guestSeconds, type Places, parseUntil, secondsOf } from "../../src/cli/until.ts";

const places: Places = new Map([
  ["io_uring_del_tctx_node", [{ address: 0xffffffff813b57f0n, isFunction: true }]],
  ["io_uring_clean_tctx", [{ address: 0xffffffff813b5890n, isFunction: true }]],
  [
    "cleanup",
    [
      { address: 1n, isFunction: true },
      { address: 2n, isFunction: true },
    ],
  ],
  ["jiffies_64", [{ address: 0xffffffff82003000n, isFunction: false }]],
]);
const { signal } = new AbortController();

describe("where a replay is to stop", () => {
  test("is a word, a kernel function or the number of an instruction", () => {
    expect(parseUntil("finding")).toEqual({ type: "finding" });
    expect(parseUntil("sysrq")).toEqual({ type: "sysrq" });
    expect(parseUntil("123456789012")).toEqual({ type: "instruction", instruction: 123_456_789_012 });
    expect(parseUntil("__do_sys_exit.constprop.0")).toMatchObject({ type: "function" });
    for (const wrong of ["", "a b", "-1", "1e9", "x".repeat(300), "$(reboot)"])
      expect(() => parseUntil(wrong)).toThrow(InvalidArgumentError);
  });

  test("is an address where it is a function, or all of them where several have its name", () => {
    expect(goalOf({ type: "function", name: "cleanup" }, places)).toEqual({
      type: "address",
      addresses: [1n, 2n],
    });
  });

  test.each([
    ["io_uring_del", /no function io_uring_del$/, /It has io_uring_del_tctx_node\.$/],
    ["jiffies_64", /no function jiffies_64/, /put into others/],
  ])("that the kernel does not have is refused, with what is like it: %s", (name, message, next) => {
    expect(() => goalOf({ type: "function", name }, places)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(message), next: expect.stringMatching(next) }),
    );
  });

  test("is the first line that makes a finding, and no ordinary one", () => {
    const goal = goalOf({ type: "finding" });
    if (goal.type !== "line") throw new Error("no line");
    const lines = [
      "[    0.000000] Linux version 6.1.115 (gcc) #1 SMP",
      "[    5.000000] systemd[1]: Reached target basic.target - Basic System.",
      "[   52.223344] INFO: task node:133 blocked for more than 10 seconds.",
      "[   52.223345]       Not tainted 6.1.115 #1",
    ];
    expect(lines.findIndex((line) => goal.isWanted(line))).toBe(2);
  });

  test("is an answer to a sysrq key, whoever pressed it", () => {
    const goal = goalOf({ type: "sysrq" });
    if (goal.type !== "line") throw new Error("no line");
    expect(goal.isWanted("[   22.1] sysrq: Show Blocked State")).toBe(true);
    expect(goal.isWanted("[    1.0] kernel.sysrq = 1")).toBe(false);
  });
});

describe("the guest's time where it stopped", () => {
  const kernel = { selector: "6.1.115", id: "x", boot: "/k" };
  const machine = { qmp: { human: async () => "ffffffff82003000: 0x00000000ffffb6a8\r\n" } };

  test("is the line's own, where it is a line", async () => {
    const at = (line: string) =>
      guestSeconds({ line }, { machine: machine as never, kernel, places }, { signal });
    expect(await at("[   52.223344] INFO: task node:133 blocked")).toBe(52.223344);
    expect(await at("Debian GNU/Linux 12")).toBeUndefined();
  });

  test("is that of the kernel's ticks, which begin before zero and pass it", () => {
    expect(secondsOf(2n ** 32n - 75_000n, 250)).toBe(0);
    expect(secondsOf(2n ** 32n - 75_000n + 3700n, 250)).toBe(14.8);
    expect(secondsOf(2n ** 32n + 250n, 250)).toBe(301);
  });

  test("is not told where the kernel does not say how often it ticks", async () => {
    expect(await guestSeconds({}, { machine: machine as never, kernel, places }, { signal })).toBeUndefined();
  });
});

describe("what is told of a replay", () => {
  const compared = { same: true, bytes: 4321, findings: ["a", "a"] };

  test("that stopped names the instruction, the time and what came before it", () => {
    const stopped = { instruction: 8_123_456_789, line: undefined, function: "schedule", seconds: 14.8 };
    expect(told(compared, stopped, { type: "function", name: "schedule" })).toMatchInlineSnapshot(`
      "stopped at instruction 8123456789, 14.800 s of the guest's time, before the first of schedule
      the same as was recorded so far: 4321 bytes of console, bit by bit, and 2 findings
        a"
    `);
    const line = "[   52.2] INFO: task node:133\u001b[2J";
    expect(told(compared, { ...stopped, line, function: undefined }, { type: "finding" })).toMatch(
      /a moment after this line:\n {2}\[ {3}52\.2\] INFO: task node:133[^\u001b]*\nthe same/,
    );
  });

  test("that never came there says so", () => {
    expect(told(compared, undefined, { type: "sysrq" })).toMatch(
      /^its console shows no sysrq: it ran to the end\n/,
    );
    expect(told(compared, undefined, { type: "instruction", instruction: 7 })).toMatch(
      /^it ends before instruction 7\n/,
    );
  });
});
