import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "../../src/base/progress.ts";
import type { Cell } from "../../src/index.ts";
import { provideParts, Vm } from "../../src/index.ts";
import { testContext } from "../../src/vitest/test.ts";

/** The kernel that the tests of machines and guests run on: the one the main repro needs anyway. */
export const kernel = "6.1.129";

/** A machine for tests, with Node in the guest. */
export async function bootVm(
  options: { kernel?: string; memory?: number; cold?: boolean; progress?: Progress } = {},
): Promise<Vm> {
  const quiet = await testContext(new AbortController().signal);
  const context = { ...quiet, progress: options.progress ?? quiet.progress };
  const cell: Cell = {
    kernel: options.kernel ?? kernel,
    node: "20.9.0",
    env: {},
    image: context.settings.image ?? "debian",
    axes: {},
  };
  const parts = await provideParts({ id: "vm-test", npm: "10.1.0" }, cell, context);
  await mkdir(context.settings.logsDir, { recursive: true });
  const evidenceDir = await mkdtemp(join(context.settings.logsDir, "test-vm-"));
  return await Vm.start(
    { parts, cpus: 2, memory: options.memory ?? 2 ** 30, evidenceDir, cold: options.cold },
    context,
  );
}
