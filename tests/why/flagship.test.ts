import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import type { DebugKernel } from "../../src/decode/decode.ts";
import { provideKernel } from "../../src/kernel/provide.ts";
import { parseKernelSelector } from "../../src/kernel/selector.ts";
import { chooseCell } from "../../src/lab/cell.ts";
import { keepVm, reviveVm } from "../../src/lab/kept.ts";
import { contextOf, openVm } from "../../src/lab/open.ts";
import { provideParts } from "../../src/lab/provide.ts";
import { openDebugger } from "../../src/machine/debugger.ts";
import { connectToRunning } from "../../src/machine/user-monitor.ts";
import { askMachine } from "../../src/why/ask.ts";
import { debugImageFor } from "../../src/why/debug-image.ts";
import type { WaitFacts } from "../../src/why/facts.ts";
import { judge } from "../../src/why/verdict.ts";
import repro from "../repros/io-uring-dstate/repro.ts";

const dir = await mkdtemp(join(tmpdir(), "dstate-why-"));
const context = contextOf({});
const kept = join(dir, "kept");
let kernel: DebugKernel;
let live: WaitFacts;

beforeAll(async () => {
  // The kernel's twin: made once, and kept.
  await provideKernel(parseKernelSelector("6.1.115"), context, { debugInfo: true });
  const cell = chooseCell(repro.axes, { kernel: "6.1.115", node: "20.9.0" }, context.settings);
  const parts = await provideParts(repro, cell, context);
  kernel = await debugImageFor(parts.kernel, {}, context);
  await using vm = await openVm({ parts, memory: "2GiB", evidenceDir: join(dir, "run") });
  const job = await vm.guest.spawn(["node", "lstat.mjs", "10"], { cwd: "/srv/work" });
  expect((await job.untilExitOrStall({ deadline: "10m" })).type).toBe("stall");
  expect((await job.kill("SIGKILL", { within: "5s" })).state).toBe("D");
  // As another process asks a machine that runs.
  using foreign = await connectToRunning(vm.machine.command, {
    signal: context.signal,
    layersDir: context.settings.layersDir,
  });
  live = await askMachine(foreign, { kernel, dir }, context);
  expect((await vm.guest.exec("echo still here")).stdout).toBe("still here\n");
  await keepVm(vm, kept, { within: "5m" });
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

describe("of the flagship on 6.1.115", () => {
  test("the memory says that node waits for the ring's lock, and owns it", async () => {
    const verdict = judge(live);
    expect(verdict.type).toBe("cycle");
    expect(verdict.sentence).toMatch(
      /^Deadlock of one: node:(\d+) waits for the mutex uring_lock of struct io_ring_ctx, which it holds itself\. iou-sqp-\1:\d+ waits for it, too\.$/,
    );
    const node = live.tasks.find(({ comm }) => comm === "node");
    expect(node?.frames).toContainEqual(
      expect.objectContaining({ function: "io_uring_del_tctx_node", source: "io_uring/tctx.c:169" }),
    );
    expect(live.unread).toEqual([]);
  });

  test("a kept machine says the same as it did while it ran", async () => {
    await using vm = await reviveVm(kept, context);
    const facts = await askMachine(vm.machine, { kernel, dir }, context);
    const core = ({ tasks }: WaitFacts): unknown =>
      tasks.map(({ pid, state, wait }) => ({
        pid,
        state,
        object: wait?.object,
        word: wait?.word,
        owner: wait?.owner,
      }));
    expect(core(facts)).toEqual(core(live));
  });

  test("gdb shows the frames of the stuck threads with their source lines", async () => {
    await using vm = await reviveVm(kept, context);
    const socket = await openDebugger(vm.machine, context);
    const script = fileURLToPath(new URL("../../gdb/stuck.py", import.meta.url));
    const words = ["set pagination off", `target remote ${socket}`, "stuck", "disconnect"];
    const { stdout } = await command(
      ["gdb", "-nx", "-batch", "-x", script, ...words.flatMap((word) => ["-ex", word]), kernel.vmlinux],
      { within: "5m" },
    );
    expect(stdout).toMatch(/^node:\d+$/m);
    expect(stdout).toMatch(/in io_uring_del_tctx_node \(.*\) at tctx\.c:169/);
    expect(stdout).toMatch(/^iou-sqp-\d+:\d+$/m);
    expect(stdout).toMatch(/io_sq_thread \(.*\) at sqpoll\.c:\d+/);
  });
});
