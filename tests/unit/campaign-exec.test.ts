import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { type ExecFacts, endOf, judgeCommand, worstOf } from "../../src/campaign/exec/outcome.ts";
import { sleepsOn } from "../../src/campaign/exec/stuck.ts";
import { checkName } from "../../src/guest/take.ts";
import { parseKernelLog } from "../../src/kernel-log/kernel-log.ts";
import { diskSizeFor, inspectFolder } from "../../src/lab/disk-of-folder.ts";
import type { ProcessSnapshot } from "../../src/process/threads.ts";
import { renderExec } from "../../src/report/exec.ts";

const oom = parseKernelLog(
  "[   10.0] Out of memory: Killed process 120 (node) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0",
);
const warning = parseKernelLog(
  "[   10.0] ------------[ cut here ]------------\n[   10.0] WARNING: CPU: 0 PID: 1 at mm/slub.c:1 f+0x1/0x2\n[   10.0] ---[ end trace 0 ]---",
);
const good: ExecFacts = { end: { type: "exited", exitCode: 0 }, findings: [], powerOff: "off" };

describe("a command", () => {
  test("did well when it ended with 0, the kernel said nothing and the machine powered off", () => {
    expect(judgeCommand(good)).toBe("green");
  });

  test("never did well when anything else happened", () => {
    expect(oom).toHaveLength(1);
    expect(warning).toHaveLength(1);
    const bad: Partial<ExecFacts>[] = [
      { end: { type: "exited", exitCode: 1 } },
      { end: { type: "signalled", signal: "SIGSEGV" } },
      { end: { type: "stuck", afterKill: { state: "D", threads: [] } } },
      { end: { type: "late", afterKill: { state: "reaped", threads: [] } } },
      { end: { type: "crashed", reason: "a panic" } },
      { end: { type: "machine-ended", reason: "guest-shutdown" } },
      { end: endOf({ exitCode: 0, signal: null }, oom) },
      { end: undefined },
      { findings: oom },
      { findings: warning },
      { powerOff: "stuck" },
      { powerOff: undefined },
    ];
    for (const change of bad)
      expect(judgeCommand({ ...good, ...change }), JSON.stringify(change)).toBe("red");
  });

  test("of which the kernel killed a part for want of memory is told so, whatever its exit code", () => {
    expect(endOf({ exitCode: 0, signal: null }, oom)).toEqual({
      type: "out-of-memory",
      exitCode: 0,
      signal: null,
    });
  });

  test("on several kernels is as its worst, and a failure of ours leaves the answer open", () => {
    const of = (...outcomes: ("green" | "red" | "infra-error")[]): string =>
      worstOf(outcomes.map((outcome) => ({ outcome })));
    expect([of("green", "green"), of("green", "red"), of("red", "infra-error"), of()]).toEqual([
      "green",
      "red",
      "infra-error",
      "infra-error",
    ]);
  });

  test("is stuck only in one and the same uninterruptible sleep", () => {
    const look = (state: "D" | "S", switches: number): ProcessSnapshot[] => [
      {
        pid: 1,
        parent: 0,
        comm: "x",
        state,
        io: { calls: 0, bytes: 0 },
        threads: [{ tid: 1, comm: "x", state, wchan: "", syscall: "", stack: [], cpuTime: 0, switches }],
      },
    ];
    expect(sleepsOn(look("D", 4), look("D", 4))).toBe(true);
    expect(sleepsOn(look("D", 4), look("D", 5))).toBe(false);
    expect(sleepsOn(look("S", 4), look("S", 4))).toBe(false);
    expect(sleepsOn(look("D", 4), [])).toBe(false);
  });

  test("is shown with what SIGKILL left in D, in 80 columns, whatever the guest wrote", () => {
    const shown = renderExec(
      [
        {
          kernel: "6.1.115",
          version: "6.1.115",
          outcome: "red",
          end: {
            type: "stuck",
            afterKill: {
              state: "D",
              threads: [
                {
                  pid: 7,
                  tid: 7,
                  comm: "no\u001b[31mde",
                  state: "D",
                  wchan: "",
                  syscall: "",
                  stack: [{ function: "io_uring_del_tctx_node" }, { function: "do_exit" }],
                  cpuTime: 0,
                  switches: 1,
                  lasting: true,
                },
              ],
            },
          },
          failure: undefined,
          took: 61_234,
          findings: [],
          powerOff: "stuck",
          taken: [],
          evidence: "logs/x",
        },
      ],
      { width: 80 },
    );
    expect(shown).toContain("SIGKILL left D");
    expect(shown).toContain("io_uring_del_tctx_node");
    expect(shown).not.toContain("\u001b");
    expect(Math.max(...shown.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe("a folder that is to be copied", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "dstate-copy-"));
    onTestFinished(async () => await rm(dir, { recursive: true }));
  });

  test("is counted with its links, which are not followed", async () => {
    await mkdir(join(dir, "a"));
    await writeFile(join(dir, "a", "b"), "12345");
    await symlink("/etc/passwd", join(dir, "link"));
    expect(await inspectFolder(dir)).toEqual({ files: 3, bytes: 5 + "/etc/passwd".length });
  });

  test.each(["missing", "file"])("that is no folder (%s) is refused", async (name) => {
    await writeFile(join(dir, "file"), "");
    await expect(inspectFolder(join(dir, name))).rejects.toBeInstanceOf(UsageError);
  });

  test("with a socket is refused, and the socket named", async () => {
    const path = join(dir, "socket");
    const server = createServer().listen(path);
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    await expect(inspectFolder(dir)).rejects.toThrow(/socket.*is a socket/);
  });

  test("gets a disk that holds it and a gigabyte more, up to the largest one", () => {
    expect(diskSizeFor(dir, { files: 1, bytes: 1 })).toBe(2 * 2 ** 30);
    expect(diskSizeFor(dir, { files: 10, bytes: 3 * 2 ** 30 })).toBe(5 * 2 ** 30);
    expect(() => diskSizeFor(dir, { files: 10, bytes: 20 * 2 ** 30 })).toThrow(UsageError);
    expect(() => diskSizeFor(dir, { files: 10_000_000, bytes: 0 })).toThrow(UsageError);
  });
});

test.each(["/etc/passwd", "..", "../x", "a/../../b", ""])("a result named %j is refused", (name) => {
  expect(() => checkName(name)).toThrow(UsageError);
});

test("results that were lost on the way are told beside how the command ended", () => {
  const shown = renderExec(
    [
      {
        kernel: "6.1.129",
        version: "6.1.129",
        outcome: "infra-error",
        end: { type: "exited", exitCode: 0 },
        failure: "the results were not brought back: no room",
        took: 10,
        findings: [],
        powerOff: "off",
        taken: [],
        evidence: "logs/x",
      },
    ],
    { width: 80 },
  );
  expect(shown).toContain("exit code 0");
  expect(shown).toContain("infra-error: 6.1.129\n  the results were not brought back: no room");
});
