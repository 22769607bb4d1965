import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { oneOf } from "../../src/kernel-functions/names.ts";
import { waiting } from "../../src/kernel-functions/waiting.ts";
import { parseKernelLog } from "../../src/kernel-log/kernel-log.ts";

/** A hung task's report with these functions in its call chain. */
function hung(...names: string[]): string {
  return [
    "INFO: task tiny:7 blocked for more than 120 seconds.",
    "      Not tainted 6.1.115 #1",
    "task:tiny            state:D stack:0     pid:7     ppid:1      flags:0x00000002",
    "Call Trace:",
    ...names.map((name) => ` ${name}+0x10/0x90`),
  ]
    .map((line, index) => `[  312.${String(index).padStart(6, "0")}] ${line}`)
    .join("\n");
}

const guiltyOf = (log: string): string | undefined => parseKernelLog(log)[0]?.guilty;

describe("whoever waits is not to blame, but who made it wait", () => {
  test.each([
    ["OpenZFS", "cv_wait_io __cv_wait_io txg_wait_synced_impl txg_wait_synced", "tinypool_export"],
    ["OpenZFS with a time-out", "__cv_timedwait_common __cv_timedwait_idle", "tinymmp_thread"],
    ["OpenZFS's task queue", "taskq_wait_outstanding taskq_wait", "tinyzvol_remove"],
    ["a closure of bcache", "schedule closure_sync", "tinycache_write"],
    [
      "a six lock of bcachefs",
      "schedule six_lock_slowpath.isra.0 six_lock_ip_waiter __bch2_btree_node_lock",
      "tinytree_iter",
    ],
    [
      "an RPC of NFSv3",
      "rpc_wait_bit_killable __wait_on_bit __rpc_execute rpc_execute rpc_run_task rpc_call_sync nfs3_rpc_wrapper.constprop.10",
      "tinynfs_getattr",
    ],
    [
      "a page of NFS",
      "io_schedule nfs_wait_bit_killable __wait_on_bit_lock out_of_line_wait_on_bit_lock",
      "tinynfs_lock",
    ],
    ["a message to an SMB server", "wait_for_response compound_send_recv cifs_send_recv", "tinysmb_open"],
    ["a FUSE daemon's answer", "request_wait_answer __fuse_simple_request", "tinyfuse_getattr"],
    [
      "an inode that goes away",
      "inode_wait __wait_on_bit __wait_on_freeing_inode find_inode.isra.8 iget5_locked",
      "tinyfs_iget",
    ],
    [
      "a grace period",
      "schedule_timeout __wait_for_common wait_for_completion synchronize_rcu_normal synchronize_rcu",
      "tinyhook_remove",
    ],
    ["an expedited one", "exp_funnel_lock synchronize_rcu_expedited synchronize_net", "tinysock_release"],
    ["an SRCU one", "wait_for_completion __synchronize_srcu.part.0 synchronize_srcu", "tinymark_put"],
    ["a frozen queue", "schedule blk_mq_freeze_queue_wait blk_mq_freeze_queue", "tinyelv_switch"],
    ["a reference count on each CPU", "schedule percpu_ref_switch_to_atomic_sync", "tinymd_set"],
    [
      "a fence of the GPU",
      "schedule_timeout dma_fence_default_wait dma_fence_wait_timeout drm_atomic_helper_wait_for_fences",
      "tinygpu_commit",
    ],
    [
      "a mode setting lock",
      "__ww_mutex_lock.constprop.0 ww_mutex_lock drm_modeset_lock drm_modeset_lock_all_ctx",
      "tinygpu_resume",
    ],
    ["a device's lock", "__mutex_lock device_lock", "tinybus_remove"],
    ["the network's lock", "__mutex_lock rtnl_lock_killable", "tinynet_ioctl"],
    ["a USB transfer", "usb_start_wait_urb usb_control_msg", "tinycam_probe"],
    [
      "a disk's answer",
      "io_schedule_timeout wait_for_completion_io_timeout blk_execute_rq __scsi_execute",
      "tinydisk_open",
    ],
    ["a throttled writer", "io_schedule rq_qos_wait wbt_wait __rq_qos_throttle", "tinyblk_submit"],
    ["a compiler's suffix", "schedule __mutex_lock.isra.7.constprop.3", "tiny_open.part.2"],
  ])("%s", (_, waits, guilty) => {
    expect(guiltyOf(hung("__schedule", "schedule", ...waits.split(" "), guilty, "kthread"))).toBe(
      guilty.replace(/\.part.*/, ""),
    );
  });

  test("so a title names nobody when there is nobody else", () => {
    for (const chain of [
      ["__schedule", "schedule", "kthread", "ret_from_fork"],
      ["__switch_to", "__schedule", "schedule"],
      ["__schedule", "schedule", "__mutex_lock.isra.0", "entry_SYSCALL_64_after_hwframe"],
    ]) {
      const [finding] = parseKernelLog(hung(...chain));
      expect(finding?.title).toBe("INFO: task hung");
      expect(finding).not.toHaveProperty("guilty");
      expect(finding?.frames).toHaveLength(chain.length);
    }
  });

  test("but a helper that crashed is named for want of a better one", () => {
    const log =
      "[    1.0] BUG: kernel NULL pointer dereference, address: 0\n[    1.0] RIP: 0010:memcpy+0x1/0x2";
    expect(guiltyOf(log)).toBe("memcpy");
  });
});

describe("a table of functions", () => {
  const named = oneOf([["kernel/tiny.c", "one two_* t*ree"]]);
  test.each([
    ["one", true],
    ["__one", true],
    ["one_more", false],
    ["two_", true],
    ["_two_by_two", true],
    ["two", false],
    ["tree", true],
    ["three", true],
    ["street", false],
  ])("says of %s: %s", (name, expected) => expect(named(name)).toBe(expected));

  test("names each source file once", () => {
    const files = waiting.map(([file]) => file);
    expect([...new Set(files)]).toEqual(files);
  });
});

test("no module holds a regular expression that nobody can review in a diff", () => {
  for (const room of ["kernel-log", "kernel-functions"]) {
    const folder = new URL(`../../src/${room}/`, import.meta.url);
    for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    )) {
      for (const line of readFileSync(new URL(file, folder), "utf8").split("\n")) {
        if (/\/\^/.test(line)) expect([file, line.length < 400]).toEqual([file, true]);
      }
    }
  }
});
