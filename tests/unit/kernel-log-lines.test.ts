import { describe, expect, test } from "vitest";
import { type FindingKind, parseKernelLog } from "../../src/kernel-log/kernel-log.ts";

/** First lines alone, as they are left of a log that was cut off, in the words of old and new kernels. */
const lines: readonly (readonly [line: string, kind: FindingKind, title: string])[] = [
  ["BUG: soft lockup detected on CPU#0!", "soft-lockup", "BUG: soft lockup"],
  ["BUG: soft lockup - CPU#0 stuck for 61s! [events/0:9]", "soft-lockup", "BUG: soft lockup"],
  ["NMI watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [tiny:812]", "soft-lockup", "BUG: soft lockup"],
  ["NMI Watchdog detected LOCKUP on CPU 0", "hard-lockup", "BUG: hard lockup"],
  ["watchdog: CPU4: Watchdog detected hard LOCKUP on cpu 5", "hard-lockup", "BUG: hard lockup"],
  ["watchdog: CPU 5 self-detected hard LOCKUP @ tiny_spin+0x10/0x20", "hard-lockup", "BUG: hard lockup"],
  ["INFO: RCU detected CPU 1 stall (t=60000 jiffies)", "rcu-stall", "INFO: rcu detected stall"],
  [
    "INFO: rcu_bh_state detected stalls on CPUs/tasks: { 1} (detected by 0, t=60002 jiffies)",
    "rcu-stall",
    "INFO: rcu detected stall",
  ],
  ["rcu: INFO: rcu_tasks detected stalls on tasks:", "rcu-stall", "INFO: rcu detected stall"],
  ["INFO: task tiny:812 blocked in I/O wait for more than 122 seconds.", "hung-task", "INFO: task hung"],
  [
    "BUG: workqueue lockup - pool cpus=0-3 flags=0x5 nice=0 stuck for 63s!",
    "workqueue-lockup",
    "BUG: workqueue lockup",
  ],
  [
    "BUG: unable to handle kernel NULL pointer dereference at           (null)",
    "null-deref",
    "BUG: unable to handle kernel NULL pointer dereference",
  ],
  [
    "Unable to handle kernel read from unreadable memory at virtual address 0000000000000010",
    "page-fault",
    "BUG: unable to handle kernel paging request",
  ],
  [
    "Unable to handle kernel pointer dereference in virtual kernel address space",
    "page-fault",
    "BUG: unable to handle kernel paging request",
  ],
  [
    "CPU 0 Unable to handle kernel paging request at virtual address 00000010, epc == 80123456, ra == 80123457",
    "page-fault",
    "BUG: unable to handle kernel paging request",
  ],
  ["general protection fault: 0000 [#1] SMP ", "general-protection", "general protection fault"],
  ["kernel BUG at mm/slub.c:3817!", "kernel-bug", "kernel BUG at mm/slub.c:3817"],
  ["Internal error: Oops - FPAC: 0000000072000000 [#1] PREEMPT SMP", "oops", "Internal error"],
  ["Internal error: synchronous external abort: 0000000096000010 [#1] SMP", "oops", "Internal error"],
  ["Oops - illegal instruction [#1]", "oops", "Oops"],
  ["Oops: Machine check, sig: 7 [#1]", "oops", "Oops"],
  ["Kernel panic: Attempted to kill init!", "panic", "kernel panic: Attempted to kill init"],
  [
    "Kernel panic - not syncing: Asynchronous SError Interrupt",
    "panic",
    "kernel panic: Asynchronous SError Interrupt",
  ],
  ["WARNING: at fs/tiny/inode.c:12 tiny_evict+0x17/0x40()", "warning", "WARNING in tiny_evict"],
  ["WARNING: at tiny_evict+0x17/0x40()", "warning", "WARNING in tiny_evict"],
  ["[ INFO: possible circular locking dependency detected ]", "lockdep-circular", "possible deadlock"],
  ["[ INFO: suspicious RCU usage. ]", "suspicious-rcu", "WARNING: suspicious RCU usage"],
  [
    "[    1.000000] BTRFS: error (device sda1) in btrfs_commit_transaction:2399: errno=-5 IO failure",
    "filesystem-error",
    "BTRFS error in btrfs_commit_transaction",
  ],
  ["[    1.000000] BTRFS: Transaction aborted (error -28)", "filesystem-error", "BTRFS error"],
  [
    "[    1.000000] FAT-fs (sda1): error, fat_get_cluster: invalid cluster chain (i_pos 0)",
    "filesystem-error",
    "FAT-fs error in fat_get_cluster",
  ],
  [
    "[    1.000000] F2FS-fs (vdb): inconsistent node block, nid:1, node_footer[nid:2]",
    "filesystem-error",
    "F2FS-fs error",
  ],
  ["[    1.000000] Aborting journal on device sda1-8.", "filesystem-error", "JBD2 error"],
];

describe("a first line alone", () => {
  test.each(lines)("%s", (line, kind, title) => {
    const found = parseKernelLog(`${line}\n`).map((finding) => [finding.kind, finding.title]);
    expect(found).toEqual([[kind, title]]);
  });

  test.each(lines)("is nothing when another program quotes it: %s", (line) => {
    expect(parseKernelLog(`Nov  5 01:46:00 host tester[812]: ${line}\n`)).toEqual([]);
  });
});

describe("a structured log", () => {
  test("in JSON tells the kernel's time and the wall clock", () => {
    const record = {
      __REALTIME_TIMESTAMP: "1730771160000000",
      _SOURCE_MONOTONIC_TIMESTAMP: "101500000",
      _TRANSPORT: "kernel",
      MESSAGE: "Kernel panic - not syncing: Fatal exception",
    };
    expect(parseKernelLog(JSON.stringify(record))).toMatchObject([
      { kind: "panic", time: 101.5, date: "2024-11-05T01:46:00.000Z" },
    ]);
  });
});
