import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type FindingKind, parseKernelLog } from "../../src/kernel-log/kernel-log.ts";
import { readWaits } from "../../src/kernel-log/waits.ts";

// Consoles of machines that tests/vm/kernel-crashes.test.ts and tests/vm/evidence.test.ts broke, as they came.
const folder = new URL("./fixtures/recorded/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(`${name}.txt`, folder), "utf8");

const pageFault = "BUG: unable to handle kernel paging request in";
const nullPointer = "BUG: unable to handle kernel NULL pointer dereference in";

const recorded: readonly (readonly [name: string, kind: FindingKind, title: string])[] = [
  ["access-user-space-6.1.115", "page-fault", `${pageFault} lkdtm_ACCESS_USERSPACE`],
  ["corrupt-stack-6.1.115", "page-fault", `${pageFault} vfs_write`],
  ["execute-data-6.1.115", "page-fault", `${pageFault} execute_location`],
  ["ext4-6.1.115", "filesystem-error", "EXT4-fs error in trigger_test_error"],
  ["hung-task-6.1.115", "hung-task", "INFO: task hung in direct_entry"],
  ["hung-task-owner-7.2.13", "hung-task", "INFO: task hung in anon_pipe_write"],
  ["kernel-bug-6.1.115", "kernel-bug", "kernel BUG in lkdtm_BUG"],
  ["null-call-6.1.115", "null-deref", `${nullPointer} execute_location`],
  ["null-deref-6.1.115", "null-deref", `${nullPointer} lkdtm_EXCEPTION`],
  ["panic-6.1.115", "panic", "kernel panic: dumptest"],
  ["pinned-register-6.1.115", "warning", "WARNING in lkdtm_UNSET_SMEP"],
  ["rcu-stall-6.1.115", "rcu-stall", "INFO: rcu detected stall in lkdtm_SOFTLOCKUP"],
  ["refcount-6.1.115", "warning", "WARNING: refcount bug in lkdtm_REFCOUNT_INC_ZERO"],
  ["soft-lockup-6.1.115", "soft-lockup", "BUG: soft lockup in lkdtm_SOFTLOCKUP"],
  ["sysrq-crash-6.1.115", "panic", "kernel panic: sysrq triggered crash"],
  ["warning-6.1.115", "warning", "WARNING in lkdtm_WARNING_MESSAGE"],
  ["write-read-only-6.1.115", "page-fault", `${pageFault} lkdtm_WRITE_RO`],
];

test.each(recorded)("%s is found once, and right", (name, kind, title) => {
  expect(parseKernelLog(read(name)).map((finding) => [finding.kind, finding.title])).toEqual([[kind, title]]);
});

test("no recorded console is left out", () => {
  expect(
    readdirSync(folder)
      .map((name) => name.replace(/\.txt$/, ""))
      .sort(),
  ).toEqual(recorded.map(([name]) => name));
});

test("the hung task of Linux 7.2 says who has the lock it waits for", () => {
  expect(readWaits(read("hung-task-owner-7.2.13"))).toEqual([
    {
      waiter: { comm: "waiter", pid: 218 },
      lock: "mutex",
      owner: { comm: "holder", pid: 217 },
      source: "hung-task",
    },
  ]);
});
