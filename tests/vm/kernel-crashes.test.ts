import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Finding, parseKernelLog, type Vm } from "../../src/index.ts";
import type { FindingKind } from "../../src/kernel-log/kernel-log.ts";
import { MachineFault } from "../../src/machine/fault.ts";
import { bootVm } from "./vm.ts";

// What the parser says of logs is tested without a machine; here real kernels are broken in every way that their
// own test points and sysrq offer, and the parser reads what they really say.
// https://www.kernel.org/doc/html/latest/fault-injection/provoke-crashes.html

interface Crash {
  /** A test point of lkdtm, or a shell command. */
  readonly provoke: string;
  /** The last line of what the kernel says. */
  readonly until: RegExp;
  readonly kind: FindingKind;
  readonly title: string;
  /** A function that must be in the call chain. */
  readonly within?: string;
}

const lkdtm = (point: string): string =>
  `sh -c 'echo ${point} > /sys/kernel/debug/provoke-crash/DIRECT' < /dev/null > /dev/null 2>&1 &`;
const endOfTrace = /---\[ end trace/;
const endOfTask = /<\/TASK>/;
const endOfPanic = /---\[ end Kernel panic/;
const pageFault = "BUG: unable to handle kernel paging request in";
const nullPointer = "BUG: unable to handle kernel NULL pointer dereference in";

/** After these the machine goes on, so one machine does for all of them. */
const survived: readonly Crash[] = [
  // First, for once a kernel has oopsed it looks for hung tasks no more.
  {
    provoke: lkdtm("HUNG_TASK"),
    until: endOfTask,
    kind: "hung-task",
    // lkdtm_HUNG_TASK jumps to schedule() as its last act, and leaves no frame.
    title: "INFO: task hung in direct_entry",
  },
  {
    provoke: lkdtm("WARNING"),
    until: endOfTrace,
    kind: "warning",
    title: "WARNING in lkdtm_WARNING",
  },
  {
    provoke: lkdtm("WARNING_MESSAGE"),
    until: endOfTrace,
    kind: "warning",
    title: "WARNING in lkdtm_WARNING_MESSAGE",
  },
  {
    provoke: lkdtm("REFCOUNT_INC_ZERO"),
    until: endOfTrace,
    kind: "warning",
    title: "WARNING: refcount bug in lkdtm_REFCOUNT_INC_ZERO",
  },
  {
    provoke: lkdtm("REFCOUNT_DEC_NEGATIVE"),
    until: endOfTrace,
    kind: "warning",
    title: "WARNING: refcount bug in lkdtm_REFCOUNT_DEC_NEGATIVE",
  },
  { provoke: lkdtm("BUG"), until: endOfTrace, kind: "kernel-bug", title: "kernel BUG in lkdtm_BUG" },
  {
    provoke: lkdtm("EXCEPTION"),
    until: endOfTrace,
    kind: "null-deref",
    title: `${nullPointer} lkdtm_EXCEPTION`,
  },
  {
    provoke: lkdtm("ACCESS_NULL"),
    until: endOfTrace,
    kind: "null-deref",
    title: `${nullPointer} lkdtm_ACCESS_NULL`,
  },
  {
    provoke: lkdtm("EXEC_NULL"),
    until: endOfTrace,
    kind: "null-deref",
    title: `${nullPointer} execute_location`,
  },
  { provoke: lkdtm("WRITE_RO"), until: endOfTrace, kind: "page-fault", title: `${pageFault} lkdtm_WRITE_RO` },
  {
    provoke: lkdtm("EXEC_DATA"),
    until: endOfTrace,
    kind: "page-fault",
    title: `${pageFault} execute_location`,
  },
  // The stack is overwritten, so the return goes to nowhere: there is no function to blame but a caller's.
  {
    provoke: lkdtm("CORRUPT_STACK"),
    until: endOfTrace,
    kind: "page-fault",
    title: `${pageFault} vfs_write`,
  },
  {
    provoke: "echo injected > /sys/fs/ext4/vda/trigger_fs_error",
    until: /EXT4-fs error/,
    kind: "filesystem-error",
    title: "EXT4-fs error in trigger_test_error",
  },
];

/**
 * Each of these takes a machine of its own with it. A panic stops the other CPU in the middle of the line that it was
 * printing, so of its stack any one frame may be missing on the console.
 */
const fatal: readonly Crash[] = [
  {
    provoke: lkdtm("PANIC"),
    until: endOfPanic,
    kind: "panic",
    title: "kernel panic: dumptest",
  },
  {
    provoke: "echo c > /proc/sysrq-trigger &",
    until: endOfPanic,
    kind: "panic",
    title: "kernel panic: sysrq triggered crash",
  },
  {
    provoke: `echo 1 > /proc/sys/kernel/watchdog_thresh; ${lkdtm("SOFTLOCKUP")}`,
    until: endOfTask,
    kind: "soft-lockup",
    title: "BUG: soft lockup in lkdtm_SOFTLOCKUP",
    within: "lkdtm_SOFTLOCKUP",
  },
  {
    provoke: `echo 0 > /proc/sys/kernel/soft_watchdog; echo 3 > /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout; ${lkdtm("SOFTLOCKUP")}`,
    until: endOfTask,
    kind: "rcu-stall",
    title: "INFO: rcu detected stall in lkdtm_SOFTLOCKUP",
    within: "lkdtm_SOFTLOCKUP",
  },
];

async function findingsOf(vm: Vm, crash: Crash): Promise<Finding[]> {
  const { console } = vm.machine;
  const mark = console.mark;
  // The oops that is wanted ends whatever is being waited for.
  await vm.guest.quick(crash.provoke, { within: "10s" }).catch((error: unknown) => {
    if (!(error instanceof MachineFault)) throw error;
  });
  await console.waitForLine(`${crash.until}`, (line) => crash.until.test(line), {
    within: "60s",
    from: mark,
  });
  const log = console.since(mark);
  // The logs are worth keeping: they are the fixtures of the parser's own tests.
  const folder = join(vm.machine.console.logFile, "..", "crashes");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${crash.kind}-${crash.title.replace(/\W+/g, "-")}.txt`), log);
  return parseKernelLog(log);
}

function check(findings: readonly Finding[], crash: Crash): void {
  const [first] = findings;
  expect(first).toMatchObject({ kind: crash.kind, title: crash.title });
  if (crash.within !== undefined) {
    expect(first?.frames.map((frame) => frame.function)).toContain(crash.within);
  }
}

describe("a kernel that goes on", () => {
  let vm: Vm;
  beforeAll(async () => {
    vm = await bootVm({ kernel: "6.1.115" });
    await vm.guest.quick(
      // One report: the task hangs on while others are provoked. After a second, it could be of whoever waits for the
      // disk of a busy host.
      "cd /proc/sys/kernel; echo 1 > hung_task_warnings; echo 5 > hung_task_timeout_secs; echo 1 > hung_task_check_interval_secs",
      { within: "5s" },
    );
  });
  afterAll(async () => {
    await vm?.[Symbol.asyncDispose]();
  });

  test.each(survived)("is found to say: $title", async (crash) => {
    check(await findingsOf(vm, crash), crash);
  });
});

describe("a kernel that does not", () => {
  test.each(fatal)("is found to say: $title", async (crash) => {
    await using vm = await bootVm({ kernel: "6.1.115" });
    check(await findingsOf(vm, crash), crash);
  });
});
