import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import { longStep } from "../../base/past-durations.ts";
import { keyOf } from "../../base/store.ts";
import { type Cell, describeCell } from "../../lab/cell.ts";
import { diskSizeFor, inspectFolder, writeFolderDisk } from "../../lab/disk-of-folder.ts";
import type { Parts } from "../../lab/parts.ts";
import { provideParts } from "../../lab/provide.ts";
import type { Vm } from "../../lab/vm.ts";
import type { Accelerator } from "../../machine/argv.ts";
import { makeRunDirectory, reap } from "../../machine/run-directory.ts";
import type { Run } from "../../record/run.ts";
import type { Outcome } from "../../repro/outcome.ts";
import { aboutMachine } from "../../repro/trial.ts";
import { npmFor } from "../../runtime/npm-for.ts";
import type { Ledger } from "../ledger.ts";
import { runPool } from "../pool.ts";
import { recordTrial } from "../record-trial.ts";
import { describeEnd, type ExecCell } from "./outcome.ts";
import { type ExecPlan, execInCell } from "./run.ts";

/** What a cell's outcome is called in a run's record. */
const recordedAs = { green: "passed", red: "failed", "infra-error": "infra-error" } as const;

/** Where a command runs. */
export interface ExecPlaces {
  readonly kernels: readonly [string, ...string[]];
  readonly node: string | undefined;
  /** npm release to go with it. Default: where the command names npm or npx, one that runs on that Node. */
  readonly npm?: string | undefined;
  readonly image: Cell["image"];
  /** A folder of this host that the guest finds, as a copy, at /srv/work. */
  readonly copy: string | undefined;
}

/**
 * Run a command on each kernel, on machines of their own, side by side as `jobs` says. Kernels are made one after the
 * other; each runs as soon as it is there.
 *
 * @returns the cells in the order of the kernels.
 * @throws {UsageError} for a kernel, Node or folder that does not exist; every machine is ended then.
 */
export async function execInCells(
  plan: ExecPlan,
  places: ExecPlaces,
  options: { readonly jobs: number; readonly run: Run; readonly ledger: Ledger },
  context: Context,
): Promise<ExecCell[]> {
  const copies = join(context.settings.cacheDir, "copies");
  await reap(copies);
  await using copied = places.copy === undefined ? undefined : await makeRunDirectory(copies);
  const disk = copied && places.copy !== undefined ? join(copied.path, "work.ext4") : undefined;
  if (disk !== undefined && places.copy !== undefined) await copyFolder(places.copy, disk, context);
  const stop = new AbortController();
  const own: Context = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) };
  const cellOf = (kernel: string): Cell => ({
    kernel,
    node: places.node,
    env: plan.env,
    image: places.image,
    axes: {},
  });
  const namesNpm = plan.argv.some((word) => /\bnp[mx]\b/.test(word));
  const npm = places.npm ?? (namesNpm ? npmFor : undefined);
  let turn: Promise<unknown> = Promise.resolve();
  const provideInTurn = async (kernel: string): Promise<Parts> => {
    const parts = turn.then(async () => await provideParts({ id: "exec", npm }, cellOf(kernel), own));
    turn = parts.catch(() => {});
    return { ...(await parts), workload: disk };
  };
  const started = new Set<Promise<ExecCell>>();
  const runOne = async (kernel: string): Promise<ExecCell> => {
    const cell = cellOf(kernel);
    const folder = kernel.replaceAll(/[^\w.+-]+/g, "_");
    const trial = await options.run.begin({ title: describeCell(cell), cell, folder });
    const startedAt = new Date().toISOString();
    let had: Parts["kernel"] | undefined;
    let accelerator: Accelerator["type"] | undefined;
    const provide = async (): Promise<Parts> => {
      const parts = await provideInTurn(kernel);
      had = parts.kernel;
      return parts;
    };
    const started = async (vm: Vm): Promise<void> => {
      accelerator = vm.machine.options.accelerator.type;
      await trial.started(aboutMachine(vm), vm.parts);
    };
    const ran = await execInCell(plan, { kernel, provide, started, evidence: trial.dir }, own);
    const summary = ran.end ? describeEnd(ran.end) : ran.failure;
    await trial.ended({ outcome: recordedAs[ran.outcome], summary, took: ran.took });
    recordTrial(options.ledger, {
      definition: definitionOf(plan, places, options.run),
      repro: "exec",
      cell,
      kernel: had,
      // Without a machine nothing was seen that could count.
      accelerator: accelerator ?? "tcg",
      outcome: ledgerOutcomeOf(ran),
      summary: summary ?? "",
      evidence: ran.evidence,
      startedAt,
      took: ran.took,
      ranBy: "exec",
    });
    return ran;
  };
  try {
    return await runPool(places.kernels, { jobs: options.jobs, signal: own.signal }, async (kernel) => {
      const running = runOne(kernel);
      started.add(running);
      return await running;
    });
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    // No machine outlives its run.
    await Promise.allSettled(started);
  }
}

/**
 * What a command is known by in the ledger. What is in a folder that is copied may change from run to run: each
 * counts for itself.
 */
function definitionOf(plan: ExecPlan, places: ExecPlaces, run: Pick<Run, "dir">): string {
  const { argv, network, cpus, memory } = plan;
  const copied = places.copy === undefined ? undefined : run.dir;
  return `exec ${keyOf({ argv, network, cpus, memory, copied })}`;
}

/** A command that failed is what `git bisect run` calls bad; one that was not done in time says nothing. */
function ledgerOutcomeOf({ outcome, end }: ExecCell): Outcome {
  if (outcome === "green") return "clean";
  if (outcome === "infra-error") return outcome;
  return end?.type === "late" ? "inconclusive" : "reproduced";
}

/**
 * What can be refused before anything is made.
 *
 * @throws {UsageError} for a folder that cannot be copied.
 */
async function copyFolder(folder: string, to: string, context: Context): Promise<void> {
  const { signal } = context;
  const facts = await inspectFolder(folder, signal);
  diskSizeFor(folder, facts);
  await longStep(
    context,
    { title: `copy ${folder} for the guests`, kind: "copy", guess: undefined },
    async (progress) => {
      progress.update({ detail: `${facts.files} files` });
      await writeFolderDisk(folder, facts, { to, signal });
    },
  );
}
