import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { DeadlineError, messageOf, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { toBytes } from "../base/size.ts";
import { withDeadline } from "../base/wait.ts";
import { provideDebianImage } from "../image/debian.ts";
import { provideNixosImage } from "../image/nixos.ts";
import { provideKernel } from "../kernel/provide.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { MachineFault } from "../machine/fault.ts";
import { sanitize } from "../observe/text.ts";
import { provideNode } from "../runtime/node.ts";
import { type Cell, describeCell } from "./cell.ts";
import type { Repro } from "./define.ts";
import { openEvidence } from "./evidence.ts";
import type { Outcome } from "./outcome.ts";
import { type Parts, Vm } from "./vm.ts";
import { provideWorkload } from "./workload.ts";

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
}

/**
 * Get everything a cell needs onto this host's disk: kernel, image, runtime, workload. What is there already is
 * used again.
 *
 * @throws {UsageError} for a kernel, Node version or workload that does not exist.
 * @throws {InfraError} when something cannot be fetched or built.
 */
export async function provideParts(
  repro: Pick<Repro, "id" | "npm" | "workload" | "prepare" | "kernelFragments" | "check">,
  cell: Cell,
  context: Context,
): Promise<Parts> {
  const selector = parseKernelSelector(cell.kernel);
  await repro.check?.(cell);
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
      ? await provideNixosImage(context, selector.type === "nix" ? { nixKernel: selector.version } : {})
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
  options: { readonly cold?: boolean | undefined } = {},
): Promise<TrialResult> {
  const startedAt = new Date();
  const start = performance.now();
  const name = `${startedAt.toISOString().slice(0, 19).replaceAll(":", "-")}-${repro.id}-${randomBytes(2).toString("hex")}`;
  const evidence = await openEvidence(join(context.settings.logsDir, name));
  const finish = async (
    result: Pick<TrialResult, "outcome" | "summary" | "columns" | "observation">,
    more: Record<string, string> = {},
  ): Promise<TrialResult> => {
    const trial: TrialResult = {
      repro: repro.id,
      cell,
      ...result,
      versions: { ...versionsOf(parts), ...more },
      startedAt: startedAt.toISOString(),
      took: Math.round(performance.now() - start),
      evidence: evidence.dir,
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
          memory: toBytes(repro.machine?.memory ?? "1GiB"),
          evidenceDir: evidence.dir,
          cold: options.cold,
        },
        context,
      );
      booted = true;
      const judged = await withDeadline(
        `the trial of ${repro.id}`,
        { within: repro.deadline, signal: context.signal },
        async (signal) =>
          await repro.run({
            vm,
            cell,
            workload: "/srv/work",
            deadline: repro.deadline,
            signal,
            evidence,
            say: (text) => progress.update({ detail: text }),
          }),
      );
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

function versionsOf(parts: Parts): Record<string, string> {
  return {
    kernel: parts.kernel.version,
    kernelFrom: parts.kernel.provenance,
    image: parts.image.provenance,
    ...(parts.node ? { node: parts.node.version, libuv: parts.node.libuv } : {}),
  };
}
