import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, type TestOptions, test as vitestTest } from "vitest";
import type { Context } from "../base/context.ts";
import type { Duration } from "../base/duration.ts";
import { toMilliseconds } from "../base/duration.ts";
import { readSettings } from "../base/settings.ts";
import { type Size, toBytes } from "../base/size.ts";
import { reap } from "../machine/run-directory.ts";
import type { Cell } from "../repro/cell.ts";
import type { PrepareContext } from "../repro/define.ts";
import { provideParts } from "../repro/trial.ts";
import { Vm } from "../repro/vm.ts";

export interface VmTestOptions {
  /** Kernel selector. */
  readonly kernel: string;
  /** Node version; left out: no Node in the guest. */
  readonly node?: string;
  readonly npm?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Folder whose files the guest finds in /srv/work. */
  readonly workload?: URL;
  /** What to add to them, on the host. */
  readonly prepare?: {
    readonly key: (cell: Cell) => unknown;
    readonly make: (context: PrepareContext) => Promise<void>;
  };
  readonly cpus?: number;
  readonly memory?: Size;
  /** Of the whole test, the machine's boot too. Default 5 minutes. */
  readonly within?: Duration;
}

export interface VmTest {
  readonly vm: Vm;
  readonly signal: AbortSignal;
  readonly context: Context;
}

/**
 * A test with a machine of its own, booted before it and ended after it.
 *
 * @example
 * test("SIGKILL ends npm ci on a fixed kernel", { kernel: "6.1.129", node: "20.9.0" }, async ({ vm }) => { ... });
 */
export function test(name: string, options: VmTestOptions, body: (fixtures: VmTest) => Promise<void>): void {
  const within: TestOptions = { timeout: toMilliseconds(options.within ?? "5m") };
  vitestTest(name, within, async ({ signal }: TestContext) => {
    const context = await testContext(signal);
    const cell: Cell = {
      kernel: options.kernel,
      node: options.node,
      env: options.env ?? {},
      image: context.settings.image ?? "debian",
      axes: {},
    };
    const id = name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, 40);
    const repro = {
      id,
      ...(options.workload ? { workload: options.workload } : {}),
      ...(options.prepare ? { prepare: options.prepare } : {}),
      ...(options.npm === undefined ? {} : { npm: options.npm }),
    };
    const parts = await provideParts(repro, cell, context);
    await mkdir(context.settings.logsDir, { recursive: true });
    const evidenceDir = await mkdtemp(join(context.settings.logsDir, `test-${id}-`));
    await using vm = await Vm.start(
      { parts, cpus: options.cpus ?? 2, memory: toBytes(options.memory ?? "1GiB"), evidenceDir },
      context,
    );
    await body({ vm, signal, context });
  });
}

/** The context of a test: quiet, and ended by vitest's own signal. */
export async function testContext(signal: AbortSignal): Promise<Context> {
  const settings = readSettings();
  await reap(settings.runtimeDir);
  return { settings, progress: () => {}, signal };
}
