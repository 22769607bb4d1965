import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { KernelLogParser, parseKernelLog } from "../../src/kernel-log/kernel-log.ts";

const read = (name: string): string =>
  readFileSync(new URL(`./fixtures/kernel-log/${name}.txt`, import.meta.url), "utf8");

describe("a hung task", () => {
  const [node, poller] = parseKernelLog(read("hung-task"));

  test("carries its task, pid, state, seconds, kernel, time and lines", () => {
    expect(node).toMatchObject({
      task: "node",
      pid: 132,
      kernel: "6.1.115",
      time: 52.118935,
      firstLine: 1,
      lastLine: 23,
      detail: { seconds: "10", state: "D" },
    });
    expect(node).not.toHaveProperty("taint");
  });

  test("keeps the frames that wait, and marks those that may be left from earlier calls", () => {
    expect(node?.frames.slice(0, 6)).toEqual([
      { function: "__schedule", offset: 0x2a1, size: 0x8d0, reliable: true },
      { function: "__wake_up_common", offset: 0x71, size: 0x130, reliable: false },
      { function: "schedule", offset: 0x5e, size: 0xd0, reliable: true },
      { function: "schedule_preempt_disabled", offset: 0x15, size: 0x30, reliable: true },
      { function: "__mutex_lock.constprop.0", offset: 0x39a, size: 0x6c0, reliable: true },
      { function: "io_uring_del_tctx_node", offset: 0x61, size: 0xe0, reliable: true },
    ]);
    expect(node?.frames.at(-1)?.function).toBe("entry_SYSCALL_64_after_hwframe");
  });

  test("is told apart from the next one", () => {
    expect(poller).toMatchObject({ task: "iou-sqp-132", pid: 142, firstLine: 24 });
    expect(poller?.frames.map((frame) => frame.function)).toContain("io_sq_thread");
  });

  test("names the owner of the mutex where the kernel does", () => {
    const [finding] = parseKernelLog(read("hung-task-owner"));
    expect(finding?.detail?.owner).toBe("blocked on a mutex likely owned by task sh:764.");
    expect(finding?.frames.map((frame) => frame.function)).not.toContain("pipe_read");
  });

  test("has its whole call chain although the serial line printed characters twice", () => {
    const [first, , third] = parseKernelLog(read("recorded-io-uring-6.1.115"));
    expect(third?.frames.slice(0, 5).map((frame) => frame.function)).toEqual(
      first?.frames.slice(0, 5).map((frame) => frame.function),
    );
  });

  test("is found although the task's name holds a line end and colons", () => {
    const log = [
      "INFO: task a:b",
      "c:18088 blocked for more than 143 seconds.",
      " schedule+0x1/0x2",
      " holder+0x1/0x2",
    ];
    expect(parseKernelLog(log.join("\n"))[0]?.title).toBe("INFO: task hung in holder");
  });
});

describe("an oops", () => {
  const [finding, ...others] = parseKernelLog(read("null-deref"));

  test("takes the panic that it led to into itself", () => {
    expect(others).toEqual([]);
    expect(finding?.detail?.panic).toBe("Fatal exception");
    expect(finding?.lastLine).toBe(30);
  });

  test("carries registers, taint and the instruction as first frame, and leaves user space out", () => {
    expect(finding?.registers).toContain("RAX: 0000000000000000 RBX: ffff888104c1b000");
    expect(finding?.taint).toBe("G W");
    expect(finding?.frames[0]).toEqual({
      function: "tree_lookup",
      offset: 0x24,
      size: 0x90,
      module: "treefs",
      reliable: true,
      instruction: true,
    });
    expect(finding?.frames[1]).not.toHaveProperty("instruction");
  });

  test("on arm64 does not repeat the instruction that its call trace begins with", () => {
    const [arm64] = parseKernelLog(read("null-deref-arm64"));
    expect(arm64?.frames.map((frame) => frame.function).slice(0, 3)).toEqual([
      "bank_set_line",
      "bank_write",
      "vfs_write",
    ]);
    expect(arm64?.frames.filter((frame) => frame.instruction)).toEqual([arm64?.frames[0]]);
    expect(arm64?.registers).toContain("pstate: 60000005");
  });

  test("on 32-bit arm lists each caller once", () => {
    expect(parseKernelLog(read("null-deref-arm"))[0]?.frames.map((frame) => frame.function)).toEqual([
      "sdiocard_done",
      "sdiocard_work",
      "process_one_work",
      "worker_thread",
    ]);
  });
});

describe("reports that meet", () => {
  test("lines of two printk contexts are put apart", () => {
    const [warning, context] = parseKernelLog(read("interleaved"));
    expect(warning).toMatchObject({ kind: "warning", task: "alpha", pid: 100 });
    expect(warning?.frames.map((frame) => frame.function)).toEqual(["alpha_one", "alpha_two", "alpha_three"]);
    expect(context).toMatchObject({ kind: "invalid-context", task: "beta", guilty: "beta_two" });
    expect(context?.frames).toHaveLength(4);
  });

  test("a panic in another context is marked as what follows from the oops", () => {
    const [oops, panic] = parseKernelLog(read("panic-later"));
    expect(oops).not.toHaveProperty("follows");
    expect(panic).toMatchObject({ kind: "panic", follows: oops?.firstLine });
  });

  test("who allocated and who freed is not the call chain of a KASAN report", () => {
    const [kasan, ...others] = parseKernelLog(read("kasan"));
    expect(others).toEqual([]);
    expect(kasan?.frames.map((frame) => frame.function)).not.toContain("tinytty_open");
    expect(kasan?.detail).toMatchObject({ access: "Read", size: "8", panic: "KASAN: panic_on_warn set" });
  });

  test("where a lock was taken earlier is not the call chain of a lockdep report", () => {
    const [finding] = parseKernelLog(read("lockdep-irq-inversion"));
    const functions = finding?.frames.map((frame) => frame.function);
    expect(functions).toContain("tinyinput_event");
    expect(functions).not.toContain("tinyinput_irq");
  });

  test("a device that waits for its last reference is one finding however often the kernel says so", () => {
    expect(parseKernelLog(read("unregister-netdevice"))).toHaveLength(1);
  });

  test("decoded stacks keep file and line, also of inlined functions", () => {
    const [finding] = parseKernelLog(read("decoded-stack"));
    expect(finding?.frames[3]).toEqual({
      function: "tinyns_next",
      reliable: true,
      file: "net/tiny/tinyns.c:88",
    });
  });
});

describe("a parser that is fed piece by piece", () => {
  test("returns a finding once it is complete, and shows it before", () => {
    const parser = new KernelLogParser();
    const [first = "", second = ""] = read("hung-task").split(/(?=^.*INFO: task iou-sqp)/m);
    expect(parser.push(first)).toEqual([]);
    expect(parser.peek()).toMatchObject([{ kind: "hung-task", task: "node" }]);
    expect(parser.push(second)).toMatchObject([{ task: "node" }]);
    expect(parser.end()).toMatchObject([{ task: "iou-sqp-132" }]);
  });

  test("takes bytes whose UTF-8 sequences are cut in two", () => {
    const log = Buffer.from("INFO: task nöde:1 blocked for more than 10 seconds.\n");
    const parser = new KernelLogParser();
    const findings = [...log].flatMap((byte) => parser.push(Uint8Array.of(byte)));
    expect([...findings, ...parser.end()]).toMatchObject([{ task: "nöde" }]);
  });

  test("gives up on a report whose context fell silent", () => {
    const parser = new KernelLogParser();
    parser.push("[    1.000000][  T10] BUG: using smp_processor_id() in preemptible [00000000] code: x/10\n");
    const rest = Array.from({ length: 700 }, (_, index) => `[    ${2 + index}.000000][  T11] usb ${index}\n`);
    expect(parser.push(rest.join(""))).toHaveLength(1);
    expect(parser.peek()).toEqual([]);
  });
});
