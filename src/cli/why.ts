import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { keptOf } from "../lab/find-kept.ts";
import { readKept, reviveVm } from "../lab/kept.ts";
import { requireFiles } from "../lab/stands-on.ts";
import { connectToRunning } from "../machine/user-monitor.ts";
import { findRun, readRun, type StoredRun } from "../record/read-run.ts";
import { renderWhy } from "../report/why.ts";
import { toJson } from "../repro/evidence.ts";
import { askMachine, requireDrgn } from "../why/ask.ts";
import { debugImageFor, type RunningKernel } from "../why/debug-image.ts";
import type { WaitFacts } from "../why/facts.ts";
import { graphOf } from "../why/graph.ts";
import { judge } from "../why/verdict.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

interface WhyOptions {
  readonly vmlinux?: string;
  readonly json?: boolean;
}

/** `dstate why`: who waits for whom in a machine, read from its memory. */
export function addWhy(program: Command, session: Session): void {
  const command = program
    .command("why")
    .argument("[run]", "a run's folder, or a part of its name; the last one without")
    .description("say what every task in D waits for and who holds it, read from the machine's memory")
    .option("--vmlinux <file>", "the kernel's image with debug information, where dstate has none")
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "The machine is one that runs now, or that the run kept (`dstate run REPRO --keep`). Nothing in the guest is asked.",
      "It needs drgn, and the kernel's debug information: `dstate kernels get 6.1.115 --debug-info`.",
    ],
    examples: ["dstate why last", "dstate why io-uring-dstate-62e3 --json"],
  }).action(async (name: string | undefined, options: WhyOptions) => {
    const context = await session.context();
    const run = await readRun(await findRun(name, context.settings));
    await requireDrgn(context);
    const { trial, facts } =
      run.state === "running"
        ? await askRunning(run, options, context)
        : await askKept(run, options, context);
    const { type, sentence } = judge(facts);
    const body = { run: run.dir, trial, verdict: type, sentence, graph: graphOf(facts), facts };
    // The run's page draws it.
    await writeFile(join(trial, "why.json"), `${toJson(body)}\n`);
    session.result("why", body, {
      json: options.json,
      text: () => renderWhy(facts, { width: Math.min(session.width, 100) }),
    });
  });
}

interface Answer {
  /** The folder of the trial whose machine it is. */
  readonly trial: string;
  readonly facts: WaitFacts;
}

async function askKept(run: StoredRun, options: WhyOptions, context: Context): Promise<Answer> {
  const { folder, trial } = await keptOf(run);
  const kept = await readKept(folder);
  // That its kernel is gone says more than that its kernel's image cannot be read.
  await requireFiles("the kept machine", kept);
  const kernel = await debugImage(kept.kernel, options, context);
  await using vm = await reviveVm(folder, context);
  return { trial, facts: await askMachine(vm.machine, { kernel, dir: trial }, context) };
}

async function askRunning(
  { dir, record }: StoredRun,
  options: WhyOptions,
  context: Context,
): Promise<Answer> {
  const trial = record.trials.findLast(({ state, machine }) => state === "running" && machine !== undefined);
  const parts = trial?.parts === undefined ? undefined : record.parts[trial.parts];
  if (!trial?.machine || !parts)
    throw new UsageError(`the run ${record.id} has no machine now`, {
      next: "It is being prepared, or a trial has just ended: ask again in a moment.",
    });
  const kernel = await debugImage(parts.kernel, options, context);
  using machine = await connectToRunning(trial.machine.command, {
    signal: context.signal,
    layersDir: context.settings.layersDir,
  });
  const folder = join(dir, trial.folder);
  return { trial: folder, facts: await askMachine(machine, { kernel, dir: folder }, context) };
}

async function debugImage(
  kernel: RunningKernel,
  { vmlinux }: WhyOptions,
  context: Context,
): ReturnType<typeof debugImageFor> {
  return await debugImageFor(
    kernel,
    { vmlinux: vmlinux === undefined ? undefined : resolve(vmlinux) },
    context,
  );
}
