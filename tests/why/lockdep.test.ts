import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseCell } from "../../src/lab/cell.ts";
import { contextOf, openVm } from "../../src/lab/open.ts";
import { provideParts } from "../../src/lab/provide.ts";
import { askMachine } from "../../src/why/ask.ts";
import { debugImageFor } from "../../src/why/debug-image.ts";
import type { WaitFacts } from "../../src/why/facts.ts";
import { judge } from "../../src/why/verdict.ts";
import repro from "../repros/io-uring-dstate/repro.ts";
import { provokingKernel } from "./provoke/kernel.ts";

const dir = await mkdtemp(join(tmpdir(), "dstate-lockdep-"));
const context = contextOf({});
let facts: WaitFacts;
let log: string;

beforeAll(async () => {
  const kernel = await provokingKernel(context);
  const cell = chooseCell(repro.axes, { kernel, node: "20.9.0" }, context.settings);
  const parts = await provideParts(repro, cell, context);
  await using vm = await openVm({ parts, memory: "2GiB", evidenceDir: join(dir, "run") });
  const job = await vm.guest.spawn(["node", "lstat.mjs", "10"], { cwd: "/srv/work" });
  expect((await job.untilExitOrStall({ deadline: "15m" })).type).toBe("stall");
  expect((await job.kill("SIGKILL", { within: "5s" })).state).toBe("D");
  log = (await vm.kernelLog()).text;
  const image = await debugImageFor(parts.kernel, {}, context);
  facts = await askMachine(vm.machine, { kernel: image, dir }, context);
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

describe("of the flagship on 6.1.115 with lockdep", () => {
  test("the owner that the memory names is the task that lockdep saw unlock what it did not hold", () => {
    const { sentence } = judge(facts);
    const owner =
      /^Deadlock of one: node:(\d+) waits for the mutex uring_lock of struct io_ring_ctx, which/.exec(
        sentence,
      )?.[1];
    expect(owner, sentence).toBeDefined();
    expect(log).toContain("WARNING: bad unlock balance detected!");
    const accused =
      /node\/(\d+) is trying to release lock \(&ctx->uring_lock\) at:\n.*\n.*no more locks to release/.exec(
        log,
      );
    expect(accused?.[1]).toBe(owner);
    expect(accused?.[0]).toContain("__io_cqring_overflow_flush");
  });

  test("who took the lock afterwards lockdep does not say, for it stopped looking", () => {
    expect(facts.lockdep).toBe("off");
    expect(facts.tasks.map((task) => [task.wait?.lockdep, task.held])).toEqual(
      facts.tasks.map(() => [[], []]),
    );
  });
});
