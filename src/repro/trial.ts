import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { DeadlineError, messageOf, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { toBytes } from "../base/size.ts";
import { sanitize } from "../base/text.ts";
import { withDeadline } from "../base/wait.ts";
import { provideDebianImage } from "../image/debian.ts";
import { provideNixosImage } from "../image/nixos.ts";
import { provideKernel } from "../kernel/provide.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { type Cell, describeCell } from "../lab/cell.ts";
import { type Parts, Vm } from "../lab/vm.ts";
import { provideWorkload } from "../lab/workload.ts";
import { MachineFault } from "../machine/fault.ts";
import { takeRoom } from "../machine/lease.ts";
import { provideNode } from "../runtime/node.ts";
import { type Collected, type Depth, EvidenceCollector, ensureFindings } from "./collect-evidence.ts";
import type { Repro } from "./define.ts";
import { openEvidence } from "./evidence.ts";
import type { Outcome } from "./outcome.ts";

/** One trial, as it is saved and shown. */
export interface TrialResult {
  readonly repro: string;
  readonly cell: Cell;
  readonly outcome: Outcome;
  /** What was seen, or what went wrong, in one sentence. */
  readonly summary: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly observation: unknown;
  readonly versions: Readonly<Record<string, string>>;
  readonly startedAt: string;
  /** Milliseconds. */
  readonly took: number;
  readonly evidence: string;
  /** What was collected when it was over, and what could not be. */
  readonly collected: readonly Collected[];
}

export interface TrialOptions {
  /** Boot the machine, and neither use nor make a frozen one. */
  readonly cold?: boolean | undefined;
  /** Also save the guest's memory when the trial cannot be judged. As large as the guest's memory, at worst. */
  readonly memoryDump?: boolean | undefined;
}

/**
 * Get everything a cell needs onto this host's disk: kernel, image, runtime, workload. What is there already is
 * used again.
 *
 * @throws {UsageError} for a kernel, Node version or workload that does not exist.
 * @throws {InfraError} when something cannot be fetched or built.
 */
export async function provideParts(
  repro: Pick<Repro, "id" | "npm" | "workload" | "prepare" | "kernelFragments" | "nixosSystem" | "check">,
  cell: Cell,
  context: Context,
): Promise<Parts> {
  const selector = parseKernelSelector(cell.kernel);
  await repro.check?.(cell, context);
  // The image may have a Node of its own, as NixOS images do.
  const release = cell.node === "image" ? undefined : cell.node;
  const npm =
    release === undefined ? undefined : typeof repro.npm === "function" ? repro.npm(release) : repro.npm;
  const node =
    release === undefined ? undefined : await provideNode(release, context, npm === undefined ? {} : { npm });
  // What a user may have mistyped comes first, what takes long last.
  const kernel = await provideKernel(selector, context, {
    fragments: repro.kernelFragments?.(cell) ?? [],
  });
  const image =
    cell.image === "nixos"
      ? await provideNixosImage(context, {
          nixKernel: selector.type === "nix" ? selector.version : undefined,
          system: repro.nixosSystem?.(cell),
        })
      : await provideDebianImage(context);
  const workload = await provideWorkload(repro, cell, context);
  return { kernel, image, node, workload };
}

/**
 * Run one trial of a repro in a cell, on a machine of its own. A failure of ours or of the host becomes the
 * outcome `infra-error`; the user's interruption is thrown.
 */
export async function runTrial(
  repro: Repro,
  cell: Cell,
  parts: Parts,
  context: Context,
  options: TrialOptions = {},
): Promise<TrialResult> {
  const memory = toBytes(repro.machine?.memory ?? "1GiB");
  // What it waits for other machines is no part of the trial.
  using room = await takeRoom(memory, context);
  const startedAt = new Date();
  const start = performance.now();
  const name = `${startedAt.toISOString().slice(0, 19).replaceAll(":", "-")}-${repro.id}-${randomBytes(2).toString("hex")}`;
  const evidence = await openEvidence(join(context.settings.logsDir, name));
  let collector: EvidenceCollector | undefined;
  const finish = async (
    result: Pick<TrialResult, "outcome" | "summary" | "columns" | "observation">,
    more: Record<string, string> = {},
  ): Promise<TrialResult> => {
    const collected = [...(collector?.collected ?? []), ...(await ensureFindings(evidence))];
    const trial: TrialResult = {
      repro: repro.id,
      cell,
      ...result,
      versions: { ...versionsOf(parts), ...more },
      startedAt: startedAt.toISOString(),
      took: Math.round(performance.now() - start),
      evidence: evidence.dir,
      collected,
    };
    await evidence.saveJson("trial.json", trial);
    return trial;
  };
  // Before the guest answers, a deadline or a crash says nothing about the workload.
  let booted = false;
  try {
    return await step(context.progress, `trial: ${describeCell(cell)}`, async (progress) => {
      progress.update({ detail: "booting" });
      await using vm = await Vm.start(
        {
          parts,
          cpus: repro.machine?.cpus ?? 2,
          memory,
          evidenceDir: evidence.dir,
          cold: options.cold,
          room,
        },
        context,
      );
      booted = true;
      const say = (text: string): void => progress.update({ detail: text });
      const { signal } = context;
      collector = new EvidenceCollector(vm, evidence, { signal, say, memoryDump: options.memoryDump });
      vm.beforePowerOff(async () => {
        await collector?.throughGuest();
        progress.update({ detail: "powering off" });
      });
      const judged = await withDeadline(
        `the trial of ${repro.id}`,
        { within: repro.deadline, signal },
        async (inner) =>
          await repro.run({
            vm,
            cell,
            workload: "/srv/work",
            deadline: repro.deadline,
            signal: inner,
            evidence,
            say,
          }),
      ).catch(async (error: unknown) => {
        // Whatever went wrong, the machine is still there to be asked.
        signal.throwIfAborted();
        await collector?.collect("full");
        throw error;
      });
      await collector.collect(depthFor[judged.outcome]);
      return await finish(judged, { acceleration: vm.acceleration });
    });
  } catch (error) {
    // An interruption is the user's will, and a usage error the user's to mend: neither is a trial.
    context.signal.throwIfAborted();
    if (error instanceof UsageError) throw error;
    const unfinished =
      booted && (error instanceof DeadlineError || (error instanceof MachineFault && error.kind !== "exit"));
    return await finish({
      outcome: unfinished ? "inconclusive" : "infra-error",
      summary: sanitize(messageOf(error)).slice(0, 1000),
      columns: {},
      observation: undefined,
    });
  }
}

/** A clean trial has nothing to tell; one that was judged needs no more than a healthy kernel tells at once. */
const depthFor: Record<Exclude<Outcome, "infra-error">, Depth> = {
  clean: "log",
  reproduced: "light",
  inconclusive: "full",
};

function versionsOf(parts: Parts): Record<string, string> {
  return {
    kernel: parts.kernel.version,
    kernelFrom: parts.kernel.provenance,
    image: parts.image.provenance,
    ...(parts.node ? { node: parts.node.version, libuv: parts.node.libuv } : {}),
  };
}
