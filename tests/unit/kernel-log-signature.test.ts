import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Finding, parseKernelLog } from "../../src/kernel-log/kernel-log.ts";
import {
  finding as findingLike,
  fingerprint,
  holdsFrames,
  matchesFinding,
  primaryFinding,
  sameBug,
} from "../../src/kernel-log/signature.ts";

const read = (name: string): string =>
  readFileSync(new URL(`./fixtures/kernel-log/${name}.txt`, import.meta.url), "utf8");

function only(log: string): Finding {
  const [finding] = parseKernelLog(log);
  if (!finding) throw new Error("expected a finding, found none");
  return finding;
}

/** The same crash another time: other addresses, offsets, pids, times and compiler suffixes. */
function again(log: string): string {
  return log
    .replace(/^\[ *\d+\./gm, "[  987.")
    .replace(/ffff8881\w{8}/g, "ffff888233445566")
    .replace(/\+0x\w+\/0x/g, "+0x7f/0x9")
    .replace(/pid:412|PID: 412|PID: 132|pid:132|:132/g, (text) => text.replace(/\d+$/, "90210"))
    .replace("constprop.0", "isra.0");
}

describe("fingerprint", () => {
  test("names kind, guilty function and the callers that matter", () => {
    expect(fingerprint(only(read("hung-task")))).toBe(
      "hung-task io_uring_del_tctx_node < io_uring_clean_tctx < io_uring_cancel_generic < do_exit",
    );
  });

  test("is the guilty function alone where a CPU was caught anywhere in a loop", () => {
    expect(fingerprint(only(read("soft-lockup")))).toBe("soft-lockup stall_write");
  });

  test("is the title without its numbers where no function is guilty", () => {
    expect(fingerprint(only(read("panic-rootfs")))).toBe(
      "panic kernel panic: VFS: Unable to mount root fs on unknown-block(#,#)",
    );
  });

  test.each([
    "hung-task",
    "null-deref",
    "soft-lockup",
    "kasan",
    "general-protection",
    "rcu-stall-self",
    "warning",
  ])("of %s is the same across addresses, pids, times and compilers", (name) => {
    const [first, second] = [only(read(name)), only(again(read(name)))];
    expect(fingerprint(second)).toBe(fingerprint(first));
    expect(second.time).not.toBe(first.time);
    expect(sameBug(first, second)).toBe(true);
  });
});

describe("sameBug", () => {
  test("tells two tasks apart that hang in different places", () => {
    const [node, poller] = parseKernelLog(read("hung-task"));
    expect(node && poller && sameBug(node, poller)).toBe(false);
  });

  test("tells kinds apart", () => {
    expect(sameBug(only(read("null-deref")), only(read("page-fault")))).toBe(false);
  });

  test("counts a log that was cut off", () => {
    const whole = read("null-deref");
    const cut = whole.slice(0, whole.indexOf("tree_open"));
    expect(sameBug(only(whole), only(cut))).toBe(true);
  });

  test("counts a log in which the serial line printed characters twice", () => {
    const log = read("hung-task");
    const noisy = log
      .replace("]  schedule+", "]  scheedule+")
      .replace("io_uring_del_tctx_node+", "io_uring_deel_tctx_node+")
      .replace("io_uring_clean_tctx+", "io_uring_clean_tctxx+");
    expect(only(noisy).guilty).toBe("io_uring_deel_tctx_node");
    expect(sameBug(only(log), only(noisy))).toBe(true);
  });

  test("tells the same function apart when it was called for another reason", () => {
    const other = read("null-deref").replaceAll("tree_open", "tree_remove");
    expect(sameBug(only(read("null-deref")), only(other))).toBe(false);
  });
});

describe("matchesFinding", () => {
  const finding = only(read("hung-task"));

  test.each([
    [{ kind: "hung-task" }, true],
    [{ kind: ["rcu-stall", "hung-task"] }, true],
    [{ kind: "rcu-stall" }, false],
    [{ frames: ["__mutex_lock", "io_uring_del_tctx_node", "do_exit"] }, true],
    [{ frames: ["io_uring_del_tctx_node", "__mutex_lock"] }, false],
    [{ title: "INFO: task hung in io_uring_del_tctx_node" }, true],
    [{ title: /in io_sq_thread$/ }, false],
    [{ task: "node" }, true],
    [{ task: "npm" }, false],
    [{}, true],
  ] as const)("%j: %s", (pattern, expected) => {
    expect(matchesFinding(finding, pattern)).toBe(expected);
  });

  test("a task's numbers do not matter", () => {
    const [, poller] = parseKernelLog(read("hung-task"));
    expect(poller && matchesFinding(poller, { task: "iou-sqp-#" })).toBe(true);
  });
});

describe("a signature that names a finding", () => {
  const hung = { kind: "hung-task", frames: ["io_uring_del_tctx_node"] } as const;

  test("is a test for some, find and filter", () => {
    const log = parseKernelLog(`${read("kasan")}${read("hung-task")}`);
    expect(log.some(findingLike(hung))).toBe(true);
    expect(log.filter(findingLike({ kind: "hung-task" }))).toHaveLength(2);
    expect(log.find(findingLike({ title: /^KASAN/ }))?.guilty).toBe("tinytty_release");
    expect(parseKernelLog(read("kasan")).some(findingLike(hung))).toBe(false);
  });

  test("counts the same bug in two trials whatever their addresses, pids and times", () => {
    const trials = [read("hung-task"), again(read("hung-task")), read("soft-lockup")].map(parseKernelLog);
    expect(trials.filter((found) => found.some(findingLike(hung)))).toHaveLength(2);
    const [first, second] = trials.map((found) => found.find(findingLike(hung)));
    expect(first && second && sameBug(first, second)).toBe(true);
    expect(first).not.toEqual(second);
  });

  test("asks the stacks of threads in the same way", () => {
    const stack = [{ function: "__mutex_lock.isra.0" }, { function: "io_uring_del_tctx_node" }];
    expect(holdsFrames(stack, ["__mutex_lock", "io_uring_del_tctx_node"])).toBe(true);
    expect(holdsFrames(stack, ["io_uring_del_tctx_node", "__mutex_lock"])).toBe(false);
    expect(holdsFrames(stack, [])).toBe(true);
  });
});

describe("primaryFinding", () => {
  test("is the first that is no mere notice", () => {
    const findings = parseKernelLog(`${read("filesystem-ext4")}${read("kasan")}${read("warning")}`);
    expect(primaryFinding(findings)?.kind).toBe("kasan");
  });

  test("is a notice when there is nothing else, and nothing when there is nothing", () => {
    expect(primaryFinding(parseKernelLog(read("filesystem-ext4")))?.kind).toBe("filesystem-error");
    expect(primaryFinding([])).toBeUndefined();
  });
});
