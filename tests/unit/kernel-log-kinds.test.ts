import { describe, expect, test } from "vitest";
import { crashIn } from "../../src/kernel-log/crash.ts";
import { findingKinds, kindsWith, traitsOf } from "../../src/kernel-log/kinds.ts";

describe("traits of a finding's kind", () => {
  test("a kind that stops its task is a crash, and one that shows in interrupts is none", () => {
    expect(kindsWith("fatal").map((kind) => traitsOf(kind).severity)).toEqual(
      kindsWith("fatal").map(() => "crash"),
    );
    expect(kindsWith("stallOfCpu")).toEqual(["rcu-stall", "soft-lockup", "hard-lockup"]);
  });

  test("every kind says in a sentence what it is", () => {
    for (const { about } of Object.values(findingKinds)) expect(about.length).toBeGreaterThan(10);
  });
});

describe("a crash on the console", () => {
  test.each([
    ["[    1.000000] Kernel panic - not syncing: Fatal exception", "panic"],
    ["[    1.000000] Unable to handle kernel paging request at virtual address dead000000000108", "oops"],
    ["[    1.000000] divide error: 0000 [#1] PREEMPT SMP", "oops"],
    ["[    1.000000] kernel BUG at fs/tiny.c:10!", "oops"],
    ["[    1.000000] INFO: task tiny:7 blocked for more than 10 seconds.", undefined],
    ["[    1.000000] BUG: KASAN: use-after-free in tiny+0x1/0x2", undefined],
    ["[    1.000000] kernel tried to execute NX-protected page - exploit attempt? (uid: 0)", undefined],
    ["Nov 05 01:46:01 box tester[378]: kernel BUG at fs/x.c:1!", undefined],
  ])("%j is told as %s", (line, crash) => {
    expect(crashIn(line)).toBe(crash);
  });
});
