import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { factsScript, parseFacts, softLimit } from "../../src/diagnose/container-facts.ts";
import { diagnoseThreads, type ThreadEvidence, threadEvidence } from "../../src/diagnose/thread-creation.ts";
import { parseTrace } from "../../src/diagnose/trace.ts";
import { parseDenials } from "../../src/kernel-log/denials.ts";

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
const denied = (syscall: number) => ({ comm: "node", syscall, line: `type=1326 syscall=${syscall}` });
const eagain = [failed("clone", "EAGAIN")];

describe("why no thread can be made", () => {
  test.each<[string, Partial<ThreadEvidence>]>([
    ["seccomp", { failedCalls: [failed("clone3", "EPERM")], denials: [denied(435)] }],
    ["seccomp", { failedCalls: [failed("clone", "EPERM")], denials: [denied(56)] }],
    ["pids-limit", { failedCalls: eagain, pidsRefused: 1, pidsMax: "2" }],
    // The profile's ENOSYS for clone3 is logged as well, and is not what stood in the way.
    [
      "pids-limit",
      { failedCalls: [failed("clone3", "ENOSYS"), ...eagain], denials: [denied(435)], pidsRefused: 1 },
    ],
    [
      "pids-limit",
      { failedCalls: eagain, pidsRefused: undefined, pidsLog: ["fork rejected by pids controller"] },
    ],
    ["rlimit-nproc", { failedCalls: eagain, maxProcesses: "2" }],
    ["memory", { failedCalls: [failed("mmap", "ENOMEM")] }],
    ["none", { failedCalls: [failed("clone3", "ENOSYS")], denials: [denied(435)] }],
    ["none", {}],
    // An errno alone is no witness, nor is the denial of another call.
    ["unknown", { failedCalls: [failed("clone3", "EPERM")] }],
    ["unknown", { failedCalls: [failed("clone3", "EPERM")], denials: [denied(56)] }],
    ["unknown", { failedCalls: eagain }],
  ])("%s, from %j", (kind, evidence) => {
    const cause = diagnoseThreads({ ...nothing, ...evidence });
    expect(cause.kind).toBe(kind);
    expect(cause.advice === "").toBe(kind === "none" || kind === "unknown");
    expect(cause.advice).not.toContain("unconfined");
  });

  test("is told from a trace, the container's facts and the kernel log", () => {
    const trace = parseTrace(
      [
        "151 clone3({flags=CLONE_VM|CLONE_THREAD, stack_size=0x7ffec0}, 88) = -1 EPERM (Operation not permitted)",
        '153 openat(AT_FDCWD, "clone", O_RDONLY) = -1 ENOENT (No such file or directory)',
        "154 clone3({flags=CLONE_VM}, 88) = 155",
      ].join("\n"),
    );
    const limits = "Max processes             96000   96000   processes\n";
    const seen = threadEvidence({
      trace,
      facts: {
        status: 134,
        files: {
          "/sys/fs/cgroup/pids.events": "max 3\n",
          "/sys/fs/cgroup/pids.max": "2\n",
          "/proc/self/limits": limits,
        },
      },
      log: 'audit: type=1326 audit(1.0:4): uid=1000 pid=134 comm="node" syscall=435 code=0x50000',
    });
    expect(seen).toMatchObject({ pidsRefused: 3, pidsMax: "2", maxProcesses: "96000" });
    expect(seen.failedCalls.map(({ call, errno }) => [call, errno])).toEqual([["clone3", "EPERM"]]);
    expect(diagnoseThreads(seen).kind).toBe("seccomp");
  });

  test("is not guessed where nothing was written down", () => {
    expect(threadEvidence({ trace: [], log: "" })).toMatchObject({
      pidsRefused: undefined,
      pidsMax: undefined,
    });
  });
});

test("seccomp's audit lines are found among others", () => {
  const log = [
    '[   11.5] audit: type=1326 audit(1.0:4): uid=1000 pid=134 comm="node" syscall=435 code=0x50000',
    "[   11.6] audit: type=1400 audit(1.0:5): syscall=1",
  ].join("\n");
  expect(parseDenials(log)).toMatchObject([{ comm: "node", syscall: 435 }]);
});

describe("a container's facts", () => {
  test("are the status and the files", () => {
    const facts = parseFacts("status 134\nfile /a\n  max 2\n  other 3\nfile /b\n");
    expect(facts).toEqual({ status: 134, files: { "/a": "max 2\nother 3\n", "/b": "" } });
  });

  test("are what the script writes in a real shell, whatever the command's status", async () => {
    const folder = await mkdtemp(join(tmpdir(), "dstate-facts-"));
    const file = join(folder, "facts.txt");
    const script = factsScript.replaceAll("/sys/fs/cgroup/", "/no/such/");
    const run = command(["sh", "-c", script, file, "sh", "-c", "exit 7"], { within: "10s" });
    await expect(run).rejects.toThrow("exit code 7");
    const { status, files } = parseFacts(await readFile(file, "utf8"));
    await rm(folder, { recursive: true });
    expect(status).toBe(7);
    expect(Object.keys(files)).toEqual(["/proc/self/limits"]);
    expect(softLimit(files["/proc/self/limits"] ?? "", "Max processes")).toMatch(/^(\d+|unlimited)$/);
  });

  test("have limits by name", () => {
    const limits = "Limit  Soft  Hard  Units\nMax processes             2          2          processes\n";
    expect(softLimit(limits, "Max processes")).toBe("2");
    expect(softLimit(limits, "Max address space")).toBeUndefined();
  });
});
