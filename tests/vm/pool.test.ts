import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ProgressEvent } from "../../src/base/progress.ts";
import { provideParts, Vm } from "../../src/index.ts";
import { reservationFor } from "../../src/machine/room.ts";
import { testContext } from "../../src/vitest/index.ts";
import { kernel } from "./vm.ts";

test("three machines with room for one run one after the other", async ({ signal }) => {
  const memory = 512 * 2 ** 20;
  const quiet = await testContext(signal);
  const waits: string[] = [];
  // Leases of its own: other machines on this host are none of its business.
  const runtimeDir = await mkdtemp(join(tmpdir(), "dstate-pool-"));
  await using _clean = { [Symbol.asyncDispose]: async () => await rm(runtimeDir, { recursive: true }) };
  const context = {
    ...quiet,
    settings: { ...quiet.settings, runtimeDir, memory: reservationFor(memory) },
    progress: (event: ProgressEvent) => {
      if (event.type === "start" && event.title.startsWith("wait for")) waits.push(event.title);
    },
  };
  const cell = {
    kernel,
    node: undefined,
    env: {},
    image: context.settings.image ?? "debian",
    axes: {},
  } as const;
  const parts = await provideParts({ id: "pool-test" }, cell, context);
  await mkdir(context.settings.logsDir, { recursive: true });
  let [running, most] = [0, 0];
  const machine = async (): Promise<string> => {
    const evidenceDir = await mkdtemp(join(context.settings.logsDir, "test-pool-"));
    await using vm = await Vm.start({ parts, cpus: 1, memory, evidenceDir }, context);
    running += 1;
    most = Math.max(most, running);
    const { stdout } = await vm.guest.exec("uname -r", { signal });
    running -= 1;
    return stdout.trim();
  };
  expect(await Promise.all([machine(), machine(), machine()])).toEqual([kernel, kernel, kernel]);
  expect(most).toBe(1);
  expect(waits).toHaveLength(2);
});
