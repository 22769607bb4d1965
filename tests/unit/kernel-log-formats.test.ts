import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readLine } from "../../src/kernel-lines/line.ts";
import { LineScanner } from "../../src/kernel-lines/scanner.ts";
import { firstFormat, formats } from "../../src/kernel-log/formats/index.ts";
import { type FindingKind, findingKinds, parseKernelLog } from "../../src/kernel-log/kernel-log.ts";
import { hints, trigger } from "../../src/kernel-log/triggers.ts";

const folder = new URL("./fixtures/kernel-log/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(`${name}.txt`, folder), "utf8");

type Expected = readonly [kind: FindingKind, title: string];

/** One log for each way the kernel says something, and what is to be found in it, in order. */
const logs: readonly (readonly [name: string, ...findings: Expected[]])[] = [
  ["atomic-schedule", ["atomic-schedule", "BUG: scheduling while atomic in tinyusb_send_locked"]],
  ["bad-mode-arm64", ["oops", "Bad mode in slot_power_get"]],
  ["bad-page-map", ["bad-page", "BUG: Bad page map in zap_pte_range"]],
  ["bad-page", ["bad-page", "BUG: Bad page state in tinyzram_free"]],
  ["bad-rss", ["bad-page", "BUG: Bad rss-counter state"]],
  ["bug-other", ["bug", "BUG: Function graph tracer hang!"]],
  ["busy-inodes", ["bug", "VFS: Busy inodes after unmount (use-after-free)"]],
  ["cfi", ["cfi", "CFI failure in nfc_dispatch"]],
  ["decoded-stack", ["kasan", "KASAN: use-after-free Read in tinyns_next"]],
  ["dentry-in-use", ["bug", "BUG: Dentry still in use in unmount"]],
  [
    "device-errors",
    ["device-error", "NVMe: time-out (nvme1)"],
    ["device-error", "NVMe: time-out (nvme2)"],
    ["device-error", "NVMe: controller is down (nvme3)"],
    ["device-error", "NVMe: controller was removed (nvme4)"],
    ["device-error", "NVMe: controller does not come up (nvme5)"],
    ["device-error", "ATA: exception (ata3)"],
    ["device-error", "ATA: failed command (ata4)"],
    ["device-error", "ATA: link does not come up (ata5)"],
    ["device-error", "block: I/O error (sdc)"],
    ["device-error", "block: I/O error (sdd1)"],
    ["device-error", "SCSI: command failed (2:0:0:0)"],
    ["device-error", "SCSI: device is offline (3:0:0:0)"],
    ["device-error", "SCSI: abort (4:0:0:0)"],
    ["device-error", "SCSI: host adapter fault (mpt2sas_cm0)"],
    ["device-error", "iSCSI: connection lost (connection1:0)"],
    ["device-error", "NBD: connection lost (nbd0)"],
    ["device-error", "RAID: disk failure (md0)"],
    ["device-error", "multipath: failing path (253:3:)"],
    ["device-error", "MMC: time-out (mmc0)"],
    ["device-error", "GPU: ring time-out"],
    ["device-error", "GPU: reset (0000:0b:00.0)"],
    ["device-error", "GPU: hang (0000:00:02.0)"],
    ["device-error", "GPU: page fault (0000:0c:00.0)"],
    ["device-error", "GPU: channel killed (0000:01:00.0)"],
    ["device-error", "GPU: NVIDIA Xid 79 (0000:02:00)"],
    ["device-error", "GPU: has fallen off the bus (0000:03:00.0)"],
    ["device-error", "USB: resets again and again (1-2)"],
    ["device-error", "USB: device does not answer (2-1)"],
    ["device-error", "USB: host controller died (0000:00:14.0)"],
    ["device-error", "network: transmit queue timed out (eno1)"],
    ["device-error", "network: adapter hangs (0000:00:1f.7)"],
    ["device-error", "network: link goes down again and again (enp4s0)"],
    ["device-error", "firmware: crashed (0000:3a:00.0)"],
    ["device-error", "firmware: crashed (0000:3b:00.0)"],
    ["device-error", "firmware: does not answer (0000:3c:00.0)"],
    ["device-error", "memory: uncorrected error (MC0)"],
    ["device-error", "memory: uncorrected error"],
    ["device-error", "PCIe: uncorrected error (0000:00:1c.5)"],
    ["device-error", "IOMMU: fault (06:00.0)"],
    ["device-error", "IOMMU: fault (5040000.iommu)"],
    ["device-error", "thermal: critical temperature (thermal_zone0)"],
  ],
  ["divide-error", ["divide-error", "divide error in codec_rate_set"]],
  ["double-fault", ["double-fault", "PANIC: double fault in recurse_deep"]],
  ["filesystem-btrfs", ["filesystem-error", "BTRFS error"]],
  ["filesystem-ext4", ["filesystem-error", "EXT4-fs error in ext4_lookup"]],
  ["filesystem-xfs", ["filesystem-error", "XFS error in xfs_free_ag_extent"]],
  ["general-protection-4x", ["general-protection", "general protection fault in mixer_ctl_find"]],
  ["general-protection-6.12", ["general-protection", "general protection fault in qdisc_peek_len"]],
  ["general-protection", ["general-protection", "general protection fault in queue_detach"]],
  ["hard-lockup", ["hard-lockup", "BUG: hard lockup in lockmod_irqoff"]],
  ["hung-task-3x", ["hung-task", "INFO: task hung in nfs_wait_on_requests"]],
  ["hung-task-arm64", ["hung-task", "INFO: task hung in __mmc_claim_host"]],
  ["hung-task-cannot-die", ["hung-task", "INFO: task can't die in jbd2_journal_commit_transaction"]],
  ["hung-task-owner", ["hung-task", "INFO: task hung in blk_trace_remove"]],
  [
    "hung-task",
    ["hung-task", "INFO: task hung in io_uring_del_tctx_node"],
    ["hung-task", "INFO: task hung in io_sq_thread"],
  ],
  [
    "invalid-context",
    ["invalid-context", "BUG: sleeping function called from invalid context in tinycfg_add"],
  ],
  ["invalid-opcode", ["invalid-opcode", "invalid opcode in patched_site"]],
  ["kasan-4x", ["kasan", "KASAN: use-after-free Write in tinyfs_put"]],
  ["kasan-arm64-tags", ["kasan", "KASAN: invalid-access Read in tinyuring_submit"]],
  ["kasan-invalid-free", ["kasan", "KASAN: double-free in tinykey_destroy"]],
  ["kasan", ["kasan", "KASAN: slab-use-after-free Read in tinytty_release"]],
  ["kcsan", ["kcsan", "KCSAN: data-race in tinystat_add / tinystat_show"]],
  ["kernel-bug-arm64", ["kernel-bug", "kernel BUG in ringdma_complete"]],
  ["kernel-bug", ["kernel-bug", "kernel BUG in extent_split"]],
  ["kfence", ["kfence", "KFENCE: out-of-bounds read in tinyparse_next"]],
  ["kmsan", ["kmsan", "KMSAN: uninit-value in tinyblk_queue"]],
  ["kobject", ["warning", "WARNING: kobject bug in tinydev_register"]],
  ["list-corruption-warning", ["list-corruption", "BUG: corrupted list in tinyd_kill"]],
  ["list-corruption", ["list-corruption", "BUG: corrupted list in tinyname_unsub"]],
  ["lockdep-circular-4x", ["lockdep-circular", "possible deadlock in tinysb_lock"]],
  ["lockdep-circular", ["lockdep-circular", "possible deadlock in tinyq_update"]],
  ["lockdep-held-exit", ["lockdep-held", "WARNING: still has locks held in tinypipe_lock"]],
  ["lockdep-held-freed", ["lockdep-held", "WARNING: held lock freed in tinysock_wait"]],
  ["lockdep-held-user", ["lockdep-held", "WARNING: lock held when returning to user space in tinyfuse_lock"]],
  ["lockdep-inconsistent", ["lockdep-inconsistent", "inconsistent lock state in tinyctr_tick"]],
  ["lockdep-irq-inversion", ["lockdep-irq", "possible deadlock in tinyinput_event"]],
  ["lockdep-irq-unsafe", ["lockdep-irq", "possible deadlock in tinypool_get"]],
  ["lockdep-limit", ["lockdep-limit", "BUG: MAX_LOCKDEP_CHAINS too low!"]],
  ["lockdep-nested", ["lockdep-nested", "WARNING: nested lock was not taken in tinyntfs_fill"]],
  ["lockdep-recursive", ["lockdep-recursive", "possible deadlock in tinytbl_move"]],
  [
    "lockdep-static-key",
    ["lockdep-static-key", "INFO: trying to register non-static key in tinycrtc_destroy"],
  ],
  ["lockdep-unlock-balance", ["lockdep-unlock-balance", "WARNING: bad unlock balance in tinymfc_stop"]],
  ["lockdep-wait-context", ["lockdep-wait-context", "BUG: invalid wait context in tinyzone_get"]],
  ["locking-warning", ["warning", "WARNING: locking bug in tinychan_open"]],
  ["machine-check", ["machine-check", "machine check exception"]],
  [
    "memory-leak",
    ["memory-leak", "memory leak in tinyfs_parse_opts"],
    ["memory-leak", "memory leak in tinyfs_label"],
  ],
  ["null-deref-3x", ["null-deref", "BUG: unable to handle kernel NULL pointer dereference in cardbus_poll"]],
  [
    "null-deref-arm",
    ["null-deref", "BUG: unable to handle kernel NULL pointer dereference in sdiocard_done"],
  ],
  [
    "null-deref-arm64",
    ["null-deref", "BUG: unable to handle kernel NULL pointer dereference in bank_set_line"],
  ],
  [
    "null-deref-riscv",
    ["null-deref", "BUG: unable to handle kernel NULL pointer dereference in tinyspi_xfer"],
  ],
  ["null-deref", ["null-deref", "BUG: unable to handle kernel NULL pointer dereference in tree_lookup"]],
  ["odebug", ["warning", "WARNING: ODEBUG bug in hidtiny_disconnect"]],
  ["oops-arm64-abort", ["oops", "Internal error in clk_readl"]],
  ["oops-arm64-serror", ["oops", "SError interrupt in cfg_read_done"]],
  ["oops-arm64-undefined", ["invalid-opcode", "undefined instruction in badmod_init"]],
  ["oops-int3", ["oops", "int3 in probe_site"]],
  ["oops-plain", ["oops", "Oops in late_probe"]],
  ["out-of-memory", ["out-of-memory", "out of memory: killed node"]],
  ["page-fault-4x", ["page-fault", "BUG: unable to handle kernel paging request in sock_map_free"]],
  ["page-fault-arm64", ["page-fault", "BUG: unable to handle kernel paging request in sensor_upload"]],
  ["page-fault-execute", ["page-fault", "BUG: unable to handle kernel paging request in filter_ioctl"]],
  ["page-fault-powerpc", ["page-fault", "BUG: unable to handle kernel paging request in prop_show"]],
  ["page-fault", ["page-fault", "BUG: unable to handle kernel paging request in frame_store"]],
  ["panic-hung-task", ["panic", "kernel panic: hung_task: blocked tasks"]],
  ["panic-init", ["panic", "kernel panic: Attempted to kill init!"]],
  ["panic-rootfs", ["panic", "kernel panic: VFS: Unable to mount root fs on unknown-block(0,0)"]],
  ["panic-sysrq", ["panic", "kernel panic: sysrq triggered crash"]],
  ["photographed", ["panic", "kernel panic: Fatal exception in interrupt"]],
  [
    "preemptible-per-cpu",
    ["preemptible-per-cpu", "BUG: using smp_processor_id() in preemptible code in tinystat_bump"],
  ],
  ["rcu-stall-expedited", ["rcu-stall", "INFO: rcu detected stall in do_coredump"]],
  ["rcu-stall-old", ["rcu-stall", "INFO: rcu detected stall in upnp_ioctl"]],
  ["rcu-stall-other-cpu", ["rcu-stall", "INFO: rcu detected stall in ringdrv_ioctl"]],
  ["rcu-stall-self", ["rcu-stall", "INFO: rcu detected stall in spin_forever_store"]],
  [
    "recorded-execute-user-memory-6.1.115",
    ["page-fault", "BUG: unable to handle kernel paging request in lkdtm_EXEC_USERSPACE"],
  ],
  [
    "recorded-io-uring-6.1.115",
    ["hung-task", "INFO: task hung in io_sq_thread"],
    ["hung-task", "INFO: task hung in io_sq_thread"],
    ["hung-task", "INFO: task hung in io_sq_thread"],
    ["hung-task", "INFO: task hung in io_uring_del_tctx_node"],
  ],
  ["refcount", ["warning", "WARNING: refcount bug in peer_release"]],
  ["rust-panic", ["kernel-bug", "kernel BUG in rnull_queue_rq"]],
  ["slab-corruption", ["slab-corruption", "BUG: Right Redzone overwritten in tinylabel_free"]],
  ["soft-lockup", ["soft-lockup", "BUG: soft lockup in stall_write"]],
  ["spinlock-bug", ["spinlock-bug", "BUG: spinlock bad magic in tinynet_flush"]],
  ["spinlock-lockup", ["spinlock-bug", "BUG: spinlock lockup suspected in tinybdi_queue"]],
  ["stack-corruption", ["stack-corruption", "kernel panic: stack is corrupted in label_parse"]],
  ["stack-end-corruption", ["stack-corruption", "kernel panic: corrupted stack end in deep_writeback"]],
  ["stack-guard-arm64", ["stack-guard", "kernel stack overflow in sysfs_recurse"]],
  ["stack-guard", ["stack-guard", "BUG: stack guard page was hit in walk_subdirs"]],
  ["suspicious-rcu", ["suspicious-rcu", "WARNING: suspicious RCU usage in tinybearer_find"]],
  ["task-stack-4x", ["task-stack", "task in D in blk_mq_get_tag"]],
  [
    "task-stack",
    ["task-stack", "task in D in filemap_read_folio"],
    ["task-stack", "task in D in ext4_buffered_write_iter"],
  ],
  ["ubsan-4x", ["ubsan", "UBSAN: undefined-behaviour in tinydev_submit"]],
  ["ubsan", ["ubsan", "UBSAN: array-index-out-of-bounds in tiny_hw_start"]],
  ["unexpected-reboot", ["unexpected-reboot", "unexpected kernel reboot"]],
  ["unhandled-fault-arm", ["oops", "Unhandled fault in usbphy_read"]],
  ["unregister-netdevice", ["unregister-netdevice", "unregister_netdevice: waiting for DEV to become free"]],
  ["unwinder-warning", ["warning", "WARNING: kernel stack frame pointer has bad value"]],
  ["usercopy", ["usercopy", "BUG: bad usercopy in tinybuf_read"]],
  ["warning-3x", ["warning", "WARNING in tiny_watchdog"]],
  ["warning-7x", ["warning", "WARNING in tinyring_exit"]],
  ["warning-arm64", ["warning", "WARNING in tinytick_program"]],
  ["warning-panic", ["warning", "WARNING in sysfs_warn_dup"]],
  ["warning", ["warning", "WARNING in tiny_plane_update"]],
  [
    "hung-task-wrapped-by-mailer",
    ["hung-task", "INFO: task hung in tiny_commit_transaction_with_a_long_name"],
  ],
  ["hung-task-broken-by-terminal", ["hung-task", "INFO: task hung in tiny_get_lock"]],
  ["hung-task-fragment", ["hung-task", "INFO: task hung in tiny_throttle"]],
  ["hung-task-dropped", ["hung-task", "INFO: task hung in tiny_flush"]],
  ["out-of-memory-many-tasks", ["out-of-memory", "out of memory: killed tinyhog"]],
  ["rcu-stall-kthread-starved", ["rcu-stall", "INFO: rcu detected stall"]],
  ["rcu-stall-brackets", ["rcu-stall", "INFO: rcu detected stall in tiny_write"]],
  [
    "rcu-stall-and-hard-lockup",
    ["rcu-stall", "INFO: rcu detected stall in tiny_wait_again"],
    ["hard-lockup", "BUG: hard lockup in tiny_wait_ready"],
  ],
  ["mips-bus-error", ["page-fault", "BUG: unable to handle kernel paging request in tiny_xmit"]],
  ["s390-addressing", ["page-fault", "BUG: unable to handle kernel paging request in tiny_lookup"]],
  ["xmon", ["page-fault", "BUG: unable to handle kernel paging request in tiny_hash"]],
  ["doubled-console", ["warning", "WARNING in tiny_check"]],
  ["pstore-parts-by-name", ["page-fault", "BUG: unable to handle kernel paging request in tiny_free"]],
  ["soft-lockup-el6", ["soft-lockup", "BUG: soft lockup in tiny_scan_one"]],
  ["hard-lockup-el6", ["hard-lockup", "BUG: hard lockup in tiny_take"]],
  ["filesystem-btrfs-abort", ["filesystem-error", "BTRFS error in tiny_cleanup_transaction"]],
  ["filesystem-xfs-shutdown", ["filesystem-error", "XFS error in tiny_read_agf"]],
  ["machine-check-logged", ["machine-check", "machine check: uncorrected error in bank 5"]],
  ["samsung-serror", ["oops", "SError interrupt in tiny_read_reg"]],
  ["workqueue-leak", ["lockdep-held", "BUG: workqueue leaked lock or atomic in tinyaddr_work"]],
  ["workqueue-lockup", ["workqueue-lockup", "BUG: workqueue lockup"]],
];

describe("each format of the kernel's reports", () => {
  test.each(logs.map(([name, ...findings]) => ({ name, findings })))(
    "$name is found, of the right kind, and titled after the guilty function",
    ({ name, findings }) => {
      expect(parseKernelLog(read(name)).map(({ kind, title }) => [kind, title])).toEqual(findings);
    },
  );

  test("every kind of finding has a log that shows it", () => {
    const shown = new Set(logs.flatMap(([, ...findings]) => findings.map(([kind]) => kind)));
    expect([...Object.keys(findingKinds)].filter((kind) => !shown.has(kind as FindingKind))).toEqual([]);
  });

  test("every log in the folder is looked at by a test", () => {
    const listed = new Set([...logs.map(([name]) => name), "interleaved", "panic-later", "first-lines"]);
    const files = readdirSync(folder).map((file) => file.replace(/\.txt$/, ""));
    expect(files.filter((name) => !listed.has(name) && !/^(?:prefix-|harmless)/.test(name))).toEqual([]);
  });
});

describe("every format of the table", () => {
  const lines = ["kernel-log/", "recorded/"].flatMap((name) => {
    const place = new URL(`./fixtures/${name}`, import.meta.url);
    return readdirSync(place).flatMap((file) =>
      readFileSync(new URL(file, place), "utf8")
        .split("\n")
        .flatMap((raw, index) => readLine(raw, index + 1).map((line) => ({ raw, line }))),
    );
  });

  test("is the first to match a line of a fixture", () => {
    const shown = new Set(lines.map(({ line }) => firstFormat(line)));
    expect(formats.filter((format) => !shown.has(format)).map(({ pattern }) => pattern.source)).toEqual([]);
  });

  test("is a finding with nothing but its first line", () => {
    for (const line of read("first-lines").trim().split("\n")) {
      expect([line, parseKernelLog(line).length]).toEqual([line, 1]);
    }
  });

  test("is looked at, whatever line begins it: triggers and their hints miss none", () => {
    for (const { raw, line } of lines) {
      if (firstFormat(line) === undefined) continue;
      expect([raw, trigger.test(raw)]).toEqual([raw, true]);
      let hinted = false;
      const scanner = new LineScanner({ hints, wantsAll: () => false, line: () => (hinted = true) });
      scanner.push(raw);
      scanner.end();
      expect([raw, hinted]).toEqual([raw, true]);
    }
  });
});

describe("every way a log is written", () => {
  const forms = readdirSync(folder)
    .filter((file) => file.startsWith("prefix-"))
    .map((file) => file.replace(/\.txt$/, ""));

  test.each(forms)("%s gives the same finding", (name) => {
    const [finding, ...others] = parseKernelLog(read(name));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      kind: "null-deref",
      title: "BUG: unable to handle kernel NULL pointer dereference in prefix_write",
      task: "prefixer",
      pid: 501,
      cpu: 0,
      kernel: "6.1.115",
      firstLine: 1,
      lastLine: 9,
    });
    expect(finding?.frames.map((frame) => frame.function)).toEqual(["prefix_write", "vfs_write"]);
  });

  test("the time since boot is read where it is printed, and the wall clock where that is", () => {
    expect(parseKernelLog(read("prefix-syslog"))[0]).toMatchObject({ time: 101.5, date: "Nov  5 01:46:00" });
    expect(parseKernelLog(read("prefix-dmesg-wall-clock"))[0]).toMatchObject({
      date: "Tue Nov  5 01:46:00 2024",
    });
    expect(parseKernelLog(read("prefix-kmsg"))[0]?.time).toBeCloseTo(101.5);
  });
});

describe("harmless lines", () => {
  test.each(readdirSync(folder).flatMap((file) => /^(harmless.*)\.txt$/.exec(file)?.[1] ?? []))(
    "%s gives no finding",
    (name) => {
      expect(parseKernelLog(read(name))).toEqual([]);
    },
  );

  test("each of them gives none on its own, with or without a stamp", () => {
    for (const line of read("harmless").split("\n")) {
      expect([line, parseKernelLog(line), parseKernelLog(line.replace(/^\[.*?\] /, ""))]).toEqual([
        line,
        [],
        [],
      ]);
    }
  });
});
