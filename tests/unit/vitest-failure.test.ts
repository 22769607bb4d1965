import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { describeFailure } from "../../src/vitest/failure.ts";

const flagship = fileURLToPath(new URL("fixtures/runs/flagship/1", import.meta.url));

test("a failed test tells the kernel's findings, the threads that hang, and where its evidence and page are", async () => {
  expect(await describeFailure(flagship)).toEqual([
    "the kernel says: INFO: task hung in io_sq_thread",
    "the kernel says: INFO: task hung in io_uring_del_tctx_node",
    expect.stringMatching(/^in D: node:130 __mutex_lock\.constprop\.0 < io_uring_del_tctx_node </),
    expect.stringMatching(/^in D: iou-sqp-130:138 __mutex_lock\.constprop\.0 < io_sq_thread/),
    `evidence: ${flagship}`,
    `its page: dstate show ${flagship}`,
  ]);
});

test("a failed test of which nothing was collected still says where it would be", async () => {
  const dir = join(tmpdir(), "dstate-nothing");
  expect(await describeFailure(dir)).toEqual([`evidence: ${dir}`, `its page: dstate show ${dir}`]);
});
