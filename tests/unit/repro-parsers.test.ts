import { describe, expect, test } from "vitest";
import { libraryFor } from "../../src/cli/new.ts";
import { parseResults } from "../repros/epoll-mt-conformance/results.ts";
import { parseStrace } from "../repros/musl-membarrier-eintr/strace.ts";
import {
  diagnose,
  parseDenials,
  parseFacts,
  parseFailedCalls,
  softLimit,
  type ThreadEvidence,
} from "../repros/seccomp-thread-create/diagnose.ts";

const nothing: ThreadEvidence = {
  failedCalls: [],
  denials: [],
  pidsRefused: 0,
  pidsMax: "max",
  pidsLog: [],
  maxProcesses: "unlimited",
  maxAddressSpace: "unlimited",
};
const failed = (call: string, errno: string) => ({ call, errno, line: `${call}(...) = -1 ${errno}` });

describe("why no thread can be made", () => {
  const eagain = [failed("clone", "EAGAIN")];
  const denial = { comm: "node", syscall: 435, line: "type=1326 syscall=435" };
  test.each<[string, Partial<ThreadEvidence>]>([
    ["seccomp", { failedCalls: [failed("clone3", "EPERM")], denials: [denial] }],
    ["pids-limit", { failedCalls: eagain, pidsRefused: 1, pidsMax: "2" }],
    [
      "pids-limit",
      { failedCalls: eagain, pidsRefused: undefined, pidsLog: ["fork rejected by pids controller"] },
    ],
    ["rlimit-nproc", { failedCalls: eagain, maxProcesses: "2" }],
    ["memory", { failedCalls: [failed("mmap", "ENOMEM")] }],
    ["none", { failedCalls: [failed("clone3", "ENOSYS")], denials: [denial] }],
    ["none", {}],
    // An errno alone is no witness.
    ["unknown", { failedCalls: [failed("clone3", "EPERM")] }],
    ["unknown", { failedCalls: eagain }],
  ])("%s, from %j", (kind, evidence) => {
    expect(diagnose({ ...nothing, ...evidence }).kind).toBe(kind);
  });

  test("the failed calls are taken from strace's lines, whole or resumed", () => {
    const text = [
      "151   clone3({flags=CLONE_VM|CLONE_THREAD, stack_size=0x7ffec0}, 88) = -1 EPERM (Operation not permitted)",
      "152   mmap(NULL, 1073745920, PROT_NONE, MAP_PRIVATE, -1, 0) = -1 ENOMEM (Cannot allocate memory)",
      '153   openat(AT_FDCWD, "clone", O_RDONLY) = -1 ENOENT (No such file or directory)',
      "154   clone3({flags=CLONE_VM}, 88) = 155",
    ].join("\n");
    expect(parseFailedCalls(text).map(({ call, errno }) => [call, errno])).toEqual([
      ["clone3", "EPERM"],
      ["mmap", "ENOMEM"],
    ]);
  });

  test("seccomp's audit lines are found among others", () => {
    const log = [
      '[   11.5] audit: type=1326 audit(1.0:4): uid=1000 pid=134 comm="node" syscall=435 code=0x50000',
      "[   11.6] audit: type=1400 audit(1.0:5): syscall=1",
    ].join("\n");
    expect(parseDenials(log)).toMatchObject([{ comm: "node", syscall: 435 }]);
  });

  test("the container's notes give the status and the files, and limits by name", () => {
    const facts = parseFacts("status 134\nfile /a\n  max 2\n  other 3\nfile /b\n");
    expect(facts).toEqual({ status: 134, files: { "/a": "max 2\nother 3\n", "/b": "" } });
    const limits = "Limit  Soft  Hard  Units\nMax processes             2          2          processes\n";
    expect(softLimit(limits, "Max processes")).toBe("2");
    expect(softLimit(limits, "Max address space")).toBeUndefined();
  });
});

test("strace shows membarrier refused, signal 34, and the poll that it ended", () => {
  const traced = parseStrace(
    [
      "9 membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) = -1 EPERM (Operation not permitted)",
      "9 membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) = -1 EPERM (Operation not permitted)",
      "10 <... poll resumed>) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)",
      "10 --- SIGRT_2 {si_signo=SIGRT_2, si_code=SI_TKILL, si_pid=2, si_uid=1000} ---",
      "9 --- SIGCHLD {si_signo=SIGCHLD} ---",
    ].join("\n"),
  );
  expect(traced.refused.map(({ errno }) => errno)).toEqual(["EPERM"]);
  expect(traced.signals).toHaveLength(1);
  expect(traced.interruptedPolls).toHaveLength(1);
});

test("a test that says nothing is missing, not passed", () => {
  expect(parseResults("ok a\nnot ok b: events 0\nnoise ok c\n", ["a", "b", "c"])).toEqual([
    { name: "a", state: "ok", found: "" },
    { name: "b", state: "not ok", found: "events 0" },
    { name: "c", state: "missing", found: "" },
  ]);
});

test.each([
  ["/checkout/repros/my-report", "/checkout/", "../../src"],
  ["/elsewhere/my-report", "/checkout/", "../../checkout/src"],
  ["/project/repros/x", "/project/node_modules/dstate/", "dstate"],
])("a new repro in %s of dstate in %s imports it from %s", (folder, home, library) => {
  expect(libraryFor(folder, home)).toBe(library);
});
