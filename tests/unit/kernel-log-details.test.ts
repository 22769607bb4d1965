import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Finding, parseKernelLog } from "../../src/kernel-log/kernel-log.ts";

const read = (name: string): Finding[] =>
  parseKernelLog(readFileSync(new URL(`./fixtures/kernel-log/${name}.txt`, import.meta.url), "utf8"));

/** What is told beside the title: who it was, on which CPU and kernel, which lines are of it. */
const details: readonly (readonly [name: string, ...findings: object[]])[] = [
  [
    "hung-task-wrapped-by-mailer",
    { task: "tinyjournal/vdb1-8", pid: 412, kernel: "5.15.0-91-generic", taint: "P OE", lastLine: 12 },
  ],
  ["hung-task-broken-by-terminal", { task: "a-task-name-of-its-own/u64:12", pid: 74123, lastLine: 6 }],
  ["hung-task-fragment", { task: "tinywriter", pid: 412, lastLine: 6 }],
  ["hung-task-dropped", { task: "tinywriter", pid: 412, time: 241.000001 }],
  [
    "out-of-memory-many-tasks",
    {
      task: "tinyask",
      pid: 912,
      kernel: "5.14.0-362.el9.x86_64",
      taint: "G OE",
      firstLine: 1,
      lastLine: 197,
      detail: { victim: "tinyhog", victimPid: "1149" },
    },
  ],
  ["rcu-stall-kthread-starved", { cpu: 5 }],
  ["rcu-stall-brackets", { cpu: 9, task: "tinyloop", pid: 733 }],
  ["rcu-stall-and-hard-lockup", { cpu: 1, guilty: "tiny_wait_again" }, { cpu: 1, guilty: "tiny_wait_ready" }],
  ["mips-bus-error", { cpu: 1, task: "tinyd", detail: { address: "0000001c" } }],
  ["s390-addressing", { cpu: 2, task: "tinyd", detail: { address: "6b6b6b6b6b6b6000" } }],
  ["xmon", { cpu: 31, task: "tinyd", pid: 733 }],
  [
    "doubled-console",
    { task: "tinyd", pid: 733, frames: [{ function: "tiny_walk" }, { function: "tiny_ioctl" }] },
  ],
  [
    "pstore-parts-by-name",
    {
      task: "tinyd",
      pid: 733,
      detail: { panic: "Fatal exception" },
      frames: [{ function: "tiny_free" }, { function: "tiny_release" }, { function: "vfs_close" }],
    },
  ],
  ["soft-lockup-el6", { task: "tinyscan", pid: 733, cpu: 3, kernel: "2.6.32-431.el6.x86_64", taint: "P T" }],
  ["hard-lockup-el6", { task: "tinyspin", cpu: 2 }],
  ["filesystem-btrfs-abort", { task: "btrfs-transacti", detail: { error: "-5" }, lastLine: 9 }],
  ["filesystem-xfs-shutdown", { detail: { error: "5", device: "vdb" }, lastLine: 5 }],
  ["machine-check-logged", { cpu: 12, detail: { bank: "5" } }],
  [
    "samsung-serror",
    {
      task: "kworker/u16:3",
      pid: 733,
      cpu: 5,
      kernel: "5.4.147",
      detail: { panic: "Asynchronous SError Interrupt" },
    },
  ],
];

describe("a report tells who, where and when", () => {
  test.each(details.map(([name, ...findings]) => ({ name, findings })))("$name", ({ name, findings }) => {
    expect(read(name)).toMatchObject(findings);
  });

  test("a task that RCU dumps beside its report is not the one that stalls", () => {
    const [stall] = read("rcu-stall-kthread-starved");
    expect(stall).not.toHaveProperty("task");
  });

  test("the second of two CPUs that crash at once is not mixed into the first", () => {
    const log = [
      "[    1.000001] CPU 2 Unable to handle kernel paging request at virtual address 00000070, epc == 803a653c, ra == 803a6848",
      "[    1.000002] Oops[#1]:",
      "[    1.000003] CPU: 0 PID: 5 Comm: other Not tainted 5.4.179 #20",
      "[    1.000004] epc   : 80126820 tiny_alloc+0x164/0x1c4",
    ];
    expect(parseKernelLog(log.join("\n"))).toMatchObject([{ cpu: 2, detail: { address: "00000070" } }]);
    expect(parseKernelLog(log.join("\n"))[0]).not.toHaveProperty("task");
  });

  test("an address of (null) is none", () => {
    const [finding] = parseKernelLog(
      "BUG: unable to handle kernel NULL pointer dereference at           (null)",
    );
    expect(finding?.detail).toBeUndefined();
  });

  test("a task's name may hold a slash", () => {
    const log =
      "BUG: KASan: use after free in tiny+0x1/0x2 at addr ffff88\nRead of size 8 by task kworker/3/15";
    expect(parseKernelLog(log)).toMatchObject([{ task: "kworker/3", pid: 15 }]);
  });
});

describe("records of several lines", () => {
  const message = "Kernel panic - not syncing: Fatal exception";
  test.each([
    [
      "journalctl -o export",
      `__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1730771160000000\n_TRANSPORT=kernel\n_SOURCE_MONOTONIC_TIMESTAMP=101500000\nMESSAGE=${message}\n\n`,
    ],
    [
      "journalctl -o verbose",
      `Tue 2024-11-05 01:46:00.123456 UTC [s=5a1b;i=2c;b=1;m=2;t=3;x=4]\n    _TRANSPORT=kernel\n    MESSAGE=${message}\n    _SOURCE_MONOTONIC_TIMESTAMP=101500000\n`,
    ],
    [
      "journalctl -o json-pretty",
      `{\n\t"_TRANSPORT" : "kernel",\n\t"MESSAGE" : "${message}",\n\t"_SOURCE_MONOTONIC_TIMESTAMP" : "101500000"\n}\n`,
    ],
    [
      "journalctl -o json-seq",
      `\x1e{"_TRANSPORT":"kernel","_SOURCE_MONOTONIC_TIMESTAMP":"101500000","MESSAGE":"${message}"}\n`,
    ],
    [
      "journalctl -o json-sse",
      `data: {"_TRANSPORT":"kernel","_SOURCE_MONOTONIC_TIMESTAMP":"101500000","MESSAGE":"${message}"}\n`,
    ],
    [
      "dmesg --json",
      `{\n   "dmesg": [\n      {\n         "pri": 0,\n         "time":   101.500000,\n         "msg": "${message}"\n      }\n   ]\n}\n`,
    ],
  ])("%s", (_, log) => {
    expect(parseKernelLog(log)).toMatchObject([{ kind: "panic", time: 101.5 }]);
  });

  test("of other programs are none of the kernel's", () => {
    const log = `__CURSOR=s=1;i=2\n_TRANSPORT=stdout\nSYSLOG_IDENTIFIER=tester\nMESSAGE=${message}\n\n`;
    expect(parseKernelLog(log)).toEqual([]);
    expect(parseKernelLog(`{"level":30,"msg":"BUG: nothing of the kernel's"}\n`)).toEqual([]);
  });
});
