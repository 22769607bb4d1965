import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import { openVm } from "../lab/open.ts";
import type { Parts } from "../lab/parts.ts";
import { shapeOf } from "../lab/shape.ts";
import { takeRoom } from "../machine/lease.ts";
import { openSshControl } from "./openssh.ts";
import { type Figures, figuresOf } from "./statistics.ts";

export interface BootBenchOptions {
  readonly parts: Parts;
  readonly runs: number;
  /** Machines at once for the memory figures. */
  readonly clones: number;
  /** Also time `vng --run` on the same kernel, in turns with ours. */
  readonly againstVirtmeNg: boolean;
}

/** Seconds, milliseconds and bytes, as the names say. */
export interface BootBench {
  readonly restoreToFirstCommandSeconds: Figures;
  readonly coldBootToFirstCommandSeconds: Figures;
  readonly virtmeNgSeconds?: Figures;
  readonly fastRoundTripMilliseconds: Figures;
  readonly sshRoundTripMilliseconds: Figures;
  readonly openSshMultiplexedMilliseconds?: Figures;
  readonly anonymousBytesPerClone: Figures;
  readonly clonesAtOnce: number;
  readonly clonesTogetherBytes: number;
  readonly clonesAllReadySeconds: number;
}

/**
 * Measure how fast machines start and answer. One machine at a time but for the clones; the first, which makes
 * the frozen machine, is not counted.
 */
export async function benchBoot(options: BootBenchOptions, context: Context): Promise<BootBench> {
  const { parts } = options;
  const dir = await mkdtemp(join(context.settings.runtimeDir, "..", "dstate-bench-"));
  const shape = { parts, evidenceDir: dir };
  const seconds = async (cold: boolean): Promise<number> => {
    const start = performance.now();
    await using vm = await openVm({ ...context, ...shape, cold });
    await vm.guest.fast.exec("uname -r", { within: timeouts.machine.restore, signal: context.signal });
    return (performance.now() - start) / 1000;
  };
  try {
    await seconds(false);
    const restore: number[] = [];
    const cold: number[] = [];
    const virtmeNg: number[] = [];
    await step(context.progress, `starts, ${options.runs} of each in turns`, async (progress) => {
      for (let run = 1; run <= options.runs; run += 1) {
        progress.update({ share: (run - 1) / options.runs });
        restore.push(await seconds(false));
        cold.push(await seconds(true));
        if (options.againstVirtmeNg) virtmeNg.push(await virtmeNgSeconds(parts.kernel.boot, context));
      }
    });
    const trips = await step(
      context.progress,
      "round trips",
      async () => await roundTrips(shape, options, context),
    );
    const clones = await step(
      context.progress,
      `${options.clones} clones at once`,
      async () => await clonesAtOnce(shape, options.clones, context),
    );
    return {
      restoreToFirstCommandSeconds: figuresOf(restore),
      coldBootToFirstCommandSeconds: figuresOf(cold),
      ...(virtmeNg.length > 0 ? { virtmeNgSeconds: figuresOf(virtmeNg) } : {}),
      ...trips,
      ...clones,
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

interface Start {
  readonly parts: Parts;
  readonly evidenceDir: string;
}

async function roundTrips(
  shape: Start,
  options: BootBenchOptions,
  context: Context,
): Promise<
  Pick<BootBench, "fastRoundTripMilliseconds" | "sshRoundTripMilliseconds" | "openSshMultiplexedMilliseconds">
> {
  await using vm = await openVm({ ...context, ...shape });
  const { signal } = context;
  const time = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  const many = async (work: () => Promise<unknown>): Promise<Figures> => {
    // The first ones fill the translation cache: a warm machine is what is asked about.
    for (let run = 0; run < 5; run += 1) await work();
    const values: number[] = [];
    for (let run = 0; run < Math.max(options.runs, 20); run += 1) values.push(await time(work));
    return figuresOf(values);
  };
  const fast = await many(
    async () => await vm.guest.fast.exec("true", { within: timeouts.guest.quick, signal }),
  );
  await vm.guest.connect({ within: timeouts.machine.restore, signal });
  const ssh = await many(async () => await vm.guest.exec("true", { within: timeouts.guest.quick, signal }));
  const openSsh = await openSshControl(vm.machine, shape.evidenceDir, {
    within: timeouts.guest.start,
    signal,
  }).catch(() => undefined);
  if (!openSsh) return { fastRoundTripMilliseconds: fast, sshRoundTripMilliseconds: ssh };
  await using control = openSsh;
  const multiplexed = await many(
    async () => await command([...control.argv, "true"], { within: timeouts.guest.quick, signal }),
  );
  return {
    fastRoundTripMilliseconds: fast,
    sshRoundTripMilliseconds: ssh,
    openSshMultiplexedMilliseconds: multiplexed,
  };
}

async function clonesAtOnce(
  shape: Start,
  count: number,
  context: Context,
): Promise<
  Pick<BootBench, "anonymousBytesPerClone" | "clonesAtOnce" | "clonesTogetherBytes" | "clonesAllReadySeconds">
> {
  // All at once: room for one after the other would be waited for without end where it does not suffice.
  using room = await takeRoom(shapeOf().memory, context, { machines: count });
  await using stack = new AsyncDisposableStack();
  const start = performance.now();
  const started = await Promise.allSettled(
    Array.from({ length: count }, async () => stack.use(await openVm({ ...context, ...shape, room }))),
  );
  // Those that did start are ended with the stack, whichever of them did not.
  const vms = started.map((each) => {
    if (each.status === "rejected") throw each.reason;
    return each.value;
  });
  const ready = (performance.now() - start) / 1000;
  const memory = await Promise.all(vms.map(async (vm) => await memoryOf(vm.machine.pid)));
  return {
    anonymousBytesPerClone: figuresOf(memory.map(({ anonymous }) => anonymous)),
    clonesAtOnce: count,
    // Pss shares the pages of the memory file out among those that map it.
    clonesTogetherBytes: memory.reduce((sum, { proportional }) => sum + proportional, 0),
    clonesAllReadySeconds: ready,
  };
}

/** @see https://www.kernel.org/doc/html/latest/filesystems/proc.html (smaps_rollup) */
async function memoryOf(pid: number): Promise<{ anonymous: number; proportional: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { anonymous: field("Anonymous"), proportional: field("Pss") };
}

/** vng reopens its standard streams by path, which sockets do not allow: it gets /dev/null. */
async function virtmeNgSeconds(kernel: string, context: Context): Promise<number> {
  return await withDeadline(
    "vng --run",
    { within: timeouts.test, signal: context.signal },
    async (signal) => {
      const start = performance.now();
      const child = spawn("vng", ["--disable-kvm", "--run", kernel, "--", "uname -r"], {
        stdio: "ignore",
        signal,
      });
      const ended = Promise.withResolvers<number | null>();
      child.once("error", (error) =>
        ended.reject(
          new InfraError(`vng could not be run: ${error.message}`, {
            next: "Install virtme-ng (https://github.com/arighi/virtme-ng), or leave out --against virtme-ng.",
          }),
        ),
      );
      child.once("exit", ended.resolve);
      const code = await ended.promise;
      if (code !== 0) throw new InfraError(`vng --run ended with exit code ${code}`);
      return (performance.now() - start) / 1000;
    },
  );
}
