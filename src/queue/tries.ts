import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import { timeouts } from "../base/timeouts.ts";
import { ownVersion } from "../base/version.ts";
import { withDeadline } from "../base/wait.ts";
import { acceleratorHere } from "../campaign/accelerator-here.ts";
import type { LedgerTrial } from "../campaign/ledger.ts";
import { type OpenTries, openTries, type Tries } from "../campaign/tries.ts";
import { BuildError } from "../kernel/build.ts";
import { isBuiltHere } from "../kernel/selector.ts";
import { type Cell, describeCell } from "../lab/cell.ts";
import { shapeOf } from "../lab/shape.ts";
import { reservationFor } from "../machine/room.ts";
import { guestPlatform } from "../platform/platforms.ts";
import { type MachineRecord, runSchema } from "../record/run-record.ts";
import type { FoundRepro } from "../repro/find.ts";
import { carryRepro } from "./carried-repro.ts";
import { bringEvidence } from "./home.ts";
import type { Queue, Recorded } from "./queue.ts";
import { Results } from "./results.ts";
import { type Seen, unlikeWorkers } from "./unlike.ts";
import { type JobData, type JobResult, jobId, type Needs, type TrialOf } from "./work.ts";

/**
 * Trials that a queue's workers run. The shared ledger's trials of this repro are in the ledger here from the start,
 * and each new one the moment it is heard of; the n-th trial of a cell has one name for ever, so that a command that
 * is started again waits for what it had asked for before, and asks for nothing twice.
 *
 * @example await runMatrix({ ..., open: triesByQueue(queue, found) }, ledger, context)
 */
export function triesByQueue(queue: Queue, found: FoundRepro): OpenTries {
  return async (options, ledger, context) => {
    const { repro, definition, ranBy, run, cold } = options;
    if (ranBy !== "matrix" && ranBy !== "map" && ranBy !== "bisect")
      throw new Error(`${ranBy} gives no trials to a queue`);
    const here = await openTries(options, ledger, context);
    const accelerator = await acceleratorHere(context);
    const insist = async <T>(work: () => Promise<T>): Promise<T> =>
      await queue.insist(`the queue ${queue.shown}`, context.signal, work);
    await insist(() => carryRepro(found, definition, queue));
    // Asked for what is awaited before those who wait are told.
    context.signal.addEventListener("abort", () => queue.beforeClosing(takeBack(queue, results.pending)), {
      once: true,
    });
    const results = new Results(queue, context.signal);
    const numbers = new Map<string, number>();
    const seen: Seen[] = [];
    const told = new Set<string>();
    const adopt = ({ job, worker, result }: Recorded, evidence?: string): void => {
      if (result.type === "built") return;
      const place = JSON.stringify(sorted(result.cell));
      if (result.type === "trial") {
        ledger.nameCell(result.key, { definition, description: describeCell(cellOf(result.cell)) });
        ledger.adoptTrial(repro.id, trialOf(worker, result, evidence), job);
        if (result.outcome === "clean" || result.outcome === "reproduced")
          seen.push({ worker, cell: place, reproduced: result.outcome === "reproduced" });
      }
    };
    const heard = new Set<string>();
    for (const recorded of await insist(() => queue.resultsAbout(definition))) {
      adopt(recorded);
      heard.add(recorded.job);
    }
    const needsFor = (task: Needs["task"], cell: Cell): Needs => ({
      task,
      architecture: guestPlatform.name,
      accelerator,
      memory: reservationFor(shapeOf(repro.machine).memory),
      kernel: cell.kernel,
    });
    const dataFor = (cell: Cell): JobData => ({
      definition,
      cell: { ...sorted(cell) },
      ranBy,
      cold: cold === true,
    });
    const warn = (): void => {
      for (const { worker, cell, own, others, chance } of unlikeWorkers(seen)) {
        if (told.has(`${worker} ${cell}`)) continue;
        told.add(`${worker} ${cell}`);
        const text = `the host of ${worker} is unlike the others: ${own[0]} of its ${own[1]} trials reproduced, and ${others[0]} of ${others[1]} elsewhere (${chance.toExponential(0)} by chance), in ${describeCell(cellOf(JSON.parse(cell)))}`;
        context.progress({ type: "note", text });
      }
    };
    await noteWorkers(queue, context);
    const builds = new Map<string, Promise<void>>();
    const built = new Set((await insist(() => queue.othersThan(""))).flatMap(({ kernels }) => kernels));
    const build = async (cell: Cell): Promise<void> => {
      const needs = needsFor("build", cell);
      const facts = [cell.kernel, repro.kernelFragments?.(cell) ?? [], needs.architecture];
      // What failed in an earlier campaign may go well now: it is asked for once more, under the next number.
      for (let number = 1; ; number += 1) {
        const id = jobId("build", [...facts, number]);
        const [past] = await insist(() => queue.resultsOf([id]));
        if (past?.result.type === "built") return;
        if (past) continue;
        await insist(() => queue.ask(id, needs, dataFor(cell)));
        return throwFailure((await results.of(id, needs)).result);
      }
    };
    const provide = async (cell: Cell): Promise<void> => {
      refuseFile(cell);
      if (!isBuiltHere(cell.kernel)) return;
      const known = builds.get(cell.kernel) ?? build(cell);
      builds.set(cell.kernel, known);
      await known;
      built.add(cell.kernel);
    };
    const tries: Tries<never> = {
      key: async (cell) => {
        refuseFile(cell);
        return await here.key(cell);
      },
      // What workers have, and what they have built for us: another kernel costs its build.
      isBuilt: (cell) => built.has(cell.kernel),
      mustBuild: ({ kernel }) => !built.has(kernel) && isBuiltHere(kernel),
      provide,
      run: async (cell, about = {}) => {
        // Nobody would take a trial of a kernel that nobody has.
        await provide(cell);
        const place = JSON.stringify(sorted(cell));
        const needs = needsFor("trial", cell);
        const id = nextId(numbers, place, heard, [definition, place, accelerator, cold === true]);
        await insist(() => queue.ask(id, needs, dataFor(cell)));
        const recorded = await results.of(id, needs);
        const { result, worker } = recorded;
        if (result.type !== "trial") {
          throwFailure(result);
          throw new InfraError(`the worker ${worker} built what it should have tried`);
        }
        const running = await run?.begin({ title: describeCell(cell), cell, worker, ...about });
        const brought =
          running && (await bringEvidence({ job: id, worker, result }, running.dir, queue, context));
        if (brought?.why !== undefined)
          context.progress({ type: "note", text: `the evidence is at ${brought.place}: ${brought.why}` });
        const trial = trialOf(worker, result, brought?.place);
        adopt(recorded, brought?.place);
        warn();
        if (running) {
          const { host } = result;
          run?.tellWorker(worker, { host, dstate: ownVersion() });
          const machine = brought?.why === undefined ? await machineOf(running.dir) : undefined;
          if (machine) await running.started(machine);
          // Its worker's own says more.
          const file = join(running.dir, "trial.json");
          if (!existsSync(file)) await writeFile(file, `${JSON.stringify({ worker, ...result }, null, 1)}\n`);
          await running.ended({ ...trial, worker });
        }
        const { columns, versions } = result;
        const { cell: _key, ranBy: _ranBy, ...ended } = trial;
        return {
          repro: repro.id,
          cell,
          ...ended,
          columns,
          versions,
          observation: undefined,
          collected: [],
        };
      },
    };
    return tries;
  };
}

/** The n-th trial of a cell; what the shared ledger has already is passed over. */
function nextId(
  numbers: Map<string, number>,
  place: string,
  known: ReadonlySet<string>,
  facts: readonly unknown[],
): string {
  for (;;) {
    const number = (numbers.get(place) ?? 0) + 1;
    numbers.set(place, number);
    const id = jobId("trial", [...facts, number]);
    if (!known.has(id)) return id;
  }
}

function trialOf(
  worker: string,
  { key, outcome, summary, evidence, startedAt, took, ranBy }: TrialOf,
  place = `${worker}:${evidence}`,
): Omit<LedgerTrial, "id"> {
  return { cell: key, outcome, summary, evidence: place, startedAt, took, ranBy };
}

/** What the worker's machine was, as the run there has it. */
async function machineOf(dir: string): Promise<MachineRecord | undefined> {
  const text = await readFile(join(dir, "worker-run.json"), "utf8").catch(() => "");
  return runSchema.safeParse(parseJson(text)).data?.trials[0]?.machine;
}

function sorted(cell: JobData["cell"] | Cell): JobData["cell"] {
  const pairs = (of: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(of).sort());
  const { kernel, node, env, image, axes } = cell;
  return { kernel, ...(node === undefined ? {} : { node }), env: pairs(env), image, axes: pairs(axes) };
}

/** A cell as the rest of dstate has it. */
export function cellOf(cell: JobData["cell"]): Cell {
  return { ...cell, node: cell.node };
}

function throwFailure(result: JobResult): void {
  if (result.type !== "failed") return;
  if (result.why === "build") throw new BuildError(result.message, { compilerError: undefined });
  throw new UsageError(result.message);
}

function refuseFile({ kernel }: Cell): void {
  if (/^(?:file|git):/.test(kernel))
    throw new UsageError(`${kernel} is on this host, and the queue's workers are elsewhere`, {
      next: "Use a release or a package, or leave --queue out.",
    });
}

async function noteWorkers(queue: Queue, context: Context): Promise<void> {
  const count = await queue.countWorkers();
  const text =
    count === 0
      ? "the queue has no worker yet; start some with `dstate worker --queue ...`: they are waited for"
      : `${count} ${count === 1 ? "worker listens" : "workers listen"} to the queue`;
  context.progress({ type: "note", text });
}

/** Who was interrupted wants nothing more: what nobody has begun is not to be begun. */
async function takeBack(queue: Queue, pending: readonly [string, Needs][]): Promise<void> {
  await withDeadline("jobs to be taken back", { within: timeouts.jobs.farewell }, async () => {
    for (const [id, needs] of pending) await queue.cancel(id, needs);
  }).catch(() => {});
}
