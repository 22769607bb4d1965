import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Context } from "../../src/base/context.ts";
import { readSettings } from "../../src/base/settings.ts";
import { execInCell } from "../../src/campaign/exec/run.ts";
import { chooseCell, defineRepro, provideParts, runTrial } from "../../src/index.ts";
import { kernel } from "./vm.ts";

const mebi = 2 ** 20;
let dir = "";
const mount = (): string => join(dir, "layers");

/** A file system of its own, with room for the layers of a guest that writes little. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-full-"));
  await mkdir(mount());
  const made = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${320 * mebi}`, "none", mount()]);
  if (made.status !== 0) throw new Error(`mount: ${made.stderr}`);
});
afterAll(async () => {
  spawnSync("umount", ["--lazy", mount()]);
  await rm(dir, { recursive: true, force: true });
});

const contextOn = (layersDir: string, signal: AbortSignal): Context => ({
  settings: { ...readSettings(), layersDir, logsDir: join(dir, "logs") },
  progress: () => {},
  signal,
});

/** Five hundred MiB on the guest's root disk, to the disk and not only into its memory. */
const write = "dd if=/dev/zero of=/root/large bs=1M count=500 conv=fsync";

// Only root may mount.
describe.runIf(process.getuid?.() === 0)("a disk of the host that becomes full under a guest", () => {
  /** A repro that would be clean, whatever its machine does, and that keeps errors to itself. */
  const repro = defineRepro({
    id: "writes",
    title: "a guest that writes a lot",
    upstream: ["https://www.kernel.org/"],
    axes: { kernel: [kernel] },
    cells: { bad: [{}], control: [{}] },
    deadline: "5m",
    trial: async ({ vm, signal }) =>
      await vm.guest.exec(write, { within: "2m", signal }).catch(() => undefined),
    signature: () => true,
    healthy: () => true,
    summary: () => "it wrote",
  });

  test("makes a trial an infra-error that names the disk, whatever the trial itself makes of it", async ({
    signal,
  }) => {
    const context = contextOn(mount(), signal);
    const cell = chooseCell(repro.axes, {});
    const trial = await runTrial(repro, cell, await provideParts(repro, cell, context), context);
    expect(trial).toMatchObject({
      outcome: "infra-error",
      summary: `a disk of this host is full: the machine could not write to ${mount()} (No space left on device)`,
    });
    // What was written is gone with the machine.
    expect(await readdir(mount())).toEqual([]);
  });

  test("makes a command an infra-error as well", async ({ signal }) => {
    const context = contextOn(mount(), signal);
    const plan = {
      argv: ["sh", "-c", write] as const,
      env: {},
      within: "2m",
      network: "isolated",
      cold: false,
      onOutput: () => {},
    } as const;
    const provide = async () => await provideParts({ id: "exec" }, chooseCell(repro.axes, {}), context);
    const seen = await execInCell(plan, { kernel, evidence: join(dir, "exec"), provide }, context);
    expect(seen).toMatchObject({
      outcome: "infra-error",
      failure: expect.stringContaining(
        `a disk of this host is full: the machine could not write to ${mount()}`,
      ),
    });
  });

  test("is refused before a machine starts when it is nearly full already", async ({ signal }) => {
    const filler = spawnSync("fallocate", ["-l", `${100 * mebi}`, join(mount(), "filler")]);
    expect(filler.status).toBe(0);
    const context = contextOn(mount(), signal);
    const cell = chooseCell(repro.axes, {});
    const trial = await runTrial(repro, cell, await provideParts(repro, cell, context), context);
    expect(trial.outcome).toBe("infra-error");
    expect(trial.summary).toMatch(
      /the disk of \S+ has 2\d\d\.\d MiB free, and what a guest writes to its disks may need 256\.0 MiB/,
    );
  });
});
