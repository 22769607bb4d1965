import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { callsNamed, parseTrace, signalsNamed } from "../../src/diagnose/trace.ts";

describe("a trace", () => {
  test.each([
    ["151   clone3({flags=CLONE_VM}, 88) = -1 EPERM (Operation not permitted)", 151, "clone3", "-1", "EPERM"],
    ["[pid  151] clone3({flags=CLONE_VM}, 88) = 152", 151, "clone3", "152", undefined],
    [
      "membarrier(MEMBARRIER_CMD_QUERY, 0)     = 0x1 (MEMBARRIER_CMD_GLOBAL)",
      undefined,
      "membarrier",
      "0x1",
      undefined,
    ],
    ['7 openat(AT_FDCWD, "a) = 5", O_RDONLY) = 3</tmp/a) = 5>', 7, "openat", "3", undefined],
    [
      "7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3</lib/a=b.so>, 0) = 0x7f00a",
      7,
      "mmap",
      "0x7f00a",
      undefined,
    ],
    [
      "9 poll([{fd=3}], 1, 3000) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
      9,
      "poll",
      "?",
      "ERESTART_RESTARTBLOCK",
    ],
    ["9 poll([{fd=3}], 1, 3000) = 0 (Timeout)", 9, "poll", "0", undefined],
  ])("has the call of %j", (line, pid, call, result, errno) => {
    expect(parseTrace(line)).toMatchObject([{ type: "call", pid, call, result, errno }]);
  });

  test("puts a call together that another thread's lines have cut in two", () => {
    const events = parseTrace(
      [
        "10 poll([{fd=3, events=POLLIN}], 1, 3000 <unfinished ...>",
        "9 tkill(10, SIGRT_2 <unfinished ...>",
        "10 <... poll resumed>) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
        "9 <... tkill resumed>)                  = 0",
        "10 --- SIGRT_2 {si_signo=SIGRT_2, si_code=SI_TKILL, si_pid=2, si_uid=1000} ---",
      ].join("\n"),
    );
    expect(callsNamed(events, "poll")).toMatchObject([
      { pid: 10, args: "[{fd=3, events=POLLIN}], 1, 3000", errno: "ERESTART_RESTARTBLOCK" },
    ]);
    expect(callsNamed(events, "tkill")).toMatchObject([{ pid: 9, args: "10, SIGRT_2", result: "0" }]);
    expect(signalsNamed(events, "SIGRT_2")).toMatchObject([{ pid: 10 }]);
  });

  test.each([
    "",
    "+++ exited with 0 +++",
    "151 +++ killed by SIGABRT +++",
    "151 --- stopped by SIGSTOP ---",
    "strace: Process 152 attached",
    "10 <... poll resumed>",
  ])("has nothing of %j", (line) => {
    expect(parseTrace(line)).toEqual([]);
  });

  test("is read whatever is in it", () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseTrace(text))));
  });
});
