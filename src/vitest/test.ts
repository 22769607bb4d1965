import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, type TestOptions, test as vitestTest } from "vitest";
import type { Context } from "../base/context.ts";
import type { Duration } from "../base/duration.ts";
import { toMilliseconds } from "../base/duration.ts";
import { readSettings } from "../base/settings.ts";
import { type Size, toBytes } from "../base/size.ts";
import { withDeadline } from "../base/wait.ts";
import type { Cell } from "../lab/cell.ts";
import { Vm } from "../lab/vm.ts";
import type { PrepareContext } from "../lab/workload.ts";
import { takeRoom } from "../machine/lease.ts";
import { reap } from "../machine/run-directory.ts";
import { EvidenceCollector } from "../repro/collect-evidence.ts";
import { openEvidence } from "../repro/evidence.ts";
import { provideParts } from "../repro/trial.ts";

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
  /** When the test fails, also save the guest's memory with the rest of the evidence. */
  readonly memoryDump?: boolean;
  /**
   * Of the test's body. Default 5 minutes. What has to be fetched or built before, and other machines that take
   * the host's memory meanwhile, do not count.
   */
  readonly within?: Duration;
}

export interface VmTest {
  readonly vm: Vm;
  readonly signal: AbortSignal;
  readonly context: Context;
}

/** A kernel that has to be built, and machines of other workers, may take this long before a test begins. */
const mostWaiting = toMilliseconds("1h");

/**
 * A test with a machine of its own, booted before it and ended after it. Workers that run such tests side by side
 * start no more machines than the host's memory holds: the others wait.
 *
 * @example
 * test("SIGKILL ends npm ci on a fixed kernel", { kernel: "6.1.129", node: "20.9.0" }, async ({ vm }) => { ... });
 */
export function test(name: string, options: VmTestOptions, body: (fixtures: VmTest) => Promise<void>): void {
  const within = toMilliseconds(options.within ?? "5m");
  const timeout: TestOptions = { timeout: within + mostWaiting };
  vitestTest(name, timeout, async ({ signal }: TestContext) => {
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
    const memory = toBytes(options.memory ?? "1GiB");
    using room = await takeRoom(memory, context);
    await using vm = await Vm.start({ parts, cpus: options.cpus ?? 2, memory, evidenceDir, room }, context);
    try {
      await withDeadline(
        `the test "${name}"`,
        { within, signal },
        async (inner) => await body({ vm, signal: inner, context: { ...context, signal: inner } }),
      );
    } catch (error) {
      signal.throwIfAborted();
      const { memoryDump } = options;
      await new EvidenceCollector(vm, await openEvidence(evidenceDir), { signal, memoryDump }).collect(
        "full",
      );
      throw error;
    }
  });
}

/** The context of a test: quiet, and ended by vitest's own signal. */
export async function testContext(signal: AbortSignal): Promise<Context> {
  const settings = readSettings();
  await reap(settings.runtimeDir);
  return { settings, progress: () => {}, signal };
}
