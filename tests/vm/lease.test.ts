import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { openVm, readSettings } from "../../src/index.ts";
import { takeRoom } from "../../src/machine/lease.ts";
import { reservationFor } from "../../src/machine/room.ts";
import { kernel } from "./vm.ts";

test("memory that was taken for two machines is given back by its taker alone, not by the first that ends", async ({
  signal,
}) => {
  const runtimeDir = await mkdtemp(join(tmpdir(), "dstate-lease-"));
  onTestFinished(async () => await rm(runtimeDir, { recursive: true, force: true }));
  const memory = 512 * 2 ** 20;
  const budget = 2 * reservationFor(memory);
  const context = { settings: { ...readSettings(), runtimeDir, memory: budget }, progress: silent, signal };
  const third = async (): Promise<void> =>
    (await takeRoom(memory, context, { within: "200ms" }))[Symbol.dispose]();
  {
    using room = await takeRoom(memory, context, { machines: 2 });
    const start = async () =>
      await openVm({
        kernel,
        memory: "512MiB",
        evidenceDir: await mkdtemp(join(runtimeDir, "logs-")),
        room,
        ...context,
      });
    await using second = await start();
    await (await start())[Symbol.asyncDispose]();
    await expect(third()).rejects.toThrow("there was no memory for another machine");
    expect((await second.guest.exec("echo here", { signal })).stdout).toBe("here\n");
  }
  await third();
});
