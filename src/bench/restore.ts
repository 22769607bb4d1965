import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { timeouts } from "../base/timeouts.ts";
import type { Init } from "../image/system.ts";
import { openVm } from "../lab/open.ts";
import type { Parts } from "../lab/parts.ts";
import { type Figures, figuresOf } from "./statistics.ts";

export interface RestoreBench {
  readonly count: number;
  /** How many went on from the frozen machine; the others had to boot. */
  readonly warm: number;
  /** Each as many as `count` when no two machines share one. */
  readonly machineIds: number;
  readonly hostnames: number;
  readonly randomSeeds: number;
  /** Machines that saw a file which an earlier one had written to the root disk. */
  readonly sawAnothersWrite: number;
  /** How far the guest's clock was from the host's when it was read, its way over the channel included. */
  readonly clockErrorMilliseconds: Figures;
  readonly restoreToFirstCommandSeconds: Figures;
}

/** What one machine told about itself. */
const toldSchema = z.tuple([
  z.string(),
  z.string().regex(/^[0-9a-f]{32}$/),
  z.string().min(1),
  z.string().regex(/^[0-9a-f]{32}$/),
  z.coerce.number(),
]);

/** One line for each fact; then a trace that no other machine may find. */
const tell = ({ machineIdFile }: Init): string => `
echo "$(cat /root/trace 2> /dev/null)"
cat ${machineIdFile} /proc/sys/kernel/hostname
head -c 16 /dev/urandom | od -An -v -tx1 | tr -d ' \\n'; echo
date +%s%3N
cat /proc/sys/kernel/random/uuid > /root/trace; sync
`;

/**
 * Restore a machine many times, one after the other, and see that each answers as one of its own.
 *
 * @throws {InfraError} when one does not answer, or not with what was asked.
 */
export async function benchRestore(
  options: { readonly parts: Parts; readonly count: number },
  context: Context,
): Promise<RestoreBench> {
  const dir = await mkdtemp(join(context.settings.runtimeDir, "..", "dstate-bench-"));
  const start = { ...context, parts: options.parts, evidenceDir: dir };
  const seen = { ids: new Set<string>(), names: new Set<string>(), seeds: new Set<string>() };
  const clock: number[] = [];
  const seconds: number[] = [];
  let warm = 0;
  let traces = 0;
  try {
    // The first one may have to be frozen first, which is another measure.
    await (await openVm(start))[Symbol.asyncDispose]();
    await step(context.progress, `${options.count} restores in a row`, async (progress) => {
      for (let run = 0; run < options.count; run += 1) {
        progress.update({ share: run / options.count });
        const began = performance.now();
        await using vm = await openVm(start);
        await vm.guest.fast.exec("uname -r", { within: timeouts.machine.restore, signal: context.signal });
        seconds.push((performance.now() - began) / 1000);
        const { stdout } = await vm.guest.fast.exec(tell(vm.guest.system.init), {
          within: timeouts.machine.restore,
          signal: context.signal,
        });
        const told = toldSchema.safeParse(stdout.trimEnd().split("\n"));
        if (!told.success) throw new InfraError(`restore ${run + 1} told something else: ${stdout}`);
        const [trace, id, name, seed, time] = told.data;
        clock.push(Math.abs(Date.now() - time));
        if (vm.start === "warm") warm += 1;
        if (trace !== "") traces += 1;
        seen.ids.add(id);
        seen.names.add(name);
        seen.seeds.add(seed);
      }
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return {
    count: options.count,
    warm,
    machineIds: seen.ids.size,
    hostnames: seen.names.size,
    randomSeeds: seen.seeds.size,
    sawAnothersWrite: traces,
    clockErrorMilliseconds: figuresOf(clock),
    restoreToFirstCommandSeconds: figuresOf(seconds),
  };
}
