import { type Command, InvalidArgumentError } from "commander";
import type { Context } from "../base/context.ts";
import { imageKinds } from "../base/settings.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { Ledger } from "../campaign/ledger.ts";
import {
  chooseCells,
  type MatrixChoice,
  parseAxis,
  parseEnvironment,
  splitSelectors,
} from "../campaign/matrix/cells.ts";
import type { MatrixRow } from "../campaign/matrix/drive.ts";
import { expandRanges } from "../campaign/matrix/expand.ts";
import { matrixExitCode } from "../campaign/matrix/matrix.ts";
import { runMatrix } from "../campaign/matrix/run.ts";
import { cellsOfShard, type Shard, shardRecord } from "../campaign/matrix/shard.ts";
import { defaultJobs, hostRoom, sparePlaces } from "../campaign/pool.ts";
import { type Cell, chooseCell } from "../lab/cell.ts";
import { shapeOf } from "../lab/shape.ts";
import { renderMatrix, renderMatrixSoFar } from "../report/matrix.ts";
import { matrixRecord } from "../report/run-facts.ts";
import type { Repro } from "../repro/define.ts";
import { findRepro } from "../repro/find.ts";
import { withNotes } from "./help.ts";
import { openQueueFor, type QueueOptions, queueOption } from "./queue.ts";
import { type ReportOptions, recorded, reportOption, reproRun } from "./recording.ts";
import { argument, imageKind, positiveInteger, shardOption } from "./selectors.ts";
import type { Session } from "./session.ts";

interface MatrixCommandOptions extends ReportOptions, QueueOptions {
  readonly kernel?: readonly string[];
  readonly node?: readonly string[];
  readonly env?: readonly Readonly<Record<string, string>>[];
  readonly image?: readonly Cell["image"][];
  readonly axis?: Readonly<Record<string, readonly string[]>>;
  readonly all?: boolean;
  readonly trials: number;
  readonly full?: boolean;
  readonly fresh?: boolean;
  readonly jobs?: number;
  readonly confidence: number;
  readonly shard?: Shard;
  readonly cold?: boolean;
  readonly json?: boolean;
}

/** `dstate matrix`: in which cells a repro fails, and how often. */
export function addMatrix(program: Command, session: Session): void {
  const command = program
    .command("matrix <repro>")
    .description("run a repro in every combination of kernels, Node releases, environments and its own axes")
    .option("--kernel <list>", "kernels, separated by commas, or a range A..B of releases", selectors)
    .option("--node <list>", "Node releases, separated by commas, or a range A..B", selectors)
    .option("--env <set>", 'one environment of several: NAME=VALUE, "A=1 B=2", or none', environments)
    .option("--axis <NAME=list>", "values of one of the repro's own axes", axes)
    .option("--image <list>", imageKinds.join(", "), images)
    .option("--all", "all values of the axes that are not named, not just the first")
    .option("--trials <n>", "of each cell, fewer where more cannot change the verdict", positiveInteger, 5)
    .option("--full", "all trials in every cell, for the narrowest rates")
    .option("--fresh", "count no earlier trials of these cells")
    .option("--jobs <n>", "machines side by side; default from processors and memory", positiveInteger)
    .option("--confidence <p>", "of the rates' intervals", confidence, 0.95)
    .addOption(shardOption("cells"))
    .option("--cold", "boot each machine: neither use nor make a frozen one")
    .addOption(queueOption())
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "Every list option may be repeated. Without any, the cells that the repro names as bad and as control. Started again, it goes on where it was: earlier trials of the same cells count.",
      "Exit codes: 0 clean in all cells, 1 fails in some, 125 some undecided, 70 infra-errors only.",
    ],
    examples: [
      "dstate matrix io-uring-dstate",
      "dstate matrix io-uring-dstate --kernel 6.1.115,6.1.129 \\\n    --env none --env UV_USE_IO_URING=0",
      "dstate matrix io-uring-dstate --node 20.2.0..20.5.0 --trials 3 --json",
      "dstate matrix io-uring-dstate --all --shard 2/5",
    ],
  }).action(async (name: string, options: MatrixCommandOptions) => {
    const context = await session.context();
    const found = await findRepro(name);
    const { repro } = found;
    const all = chooseCells(repro, await choiceOf(repro, options, context), {
      all: options.all === true,
      image: context.settings.image,
    });
    const cells = options.shard === undefined ? all : cellsOfShard(all, options.shard);
    const shape = shapeOf(repro.machine);
    await using queue = await openQueueFor(options, found, context);
    const host = hostRoom(context.settings);
    const jobs = options.jobs ?? queue.jobs ?? defaultJobs(shape, host);
    const spare = options.jobs === undefined && !queue.open ? sparePlaces(jobs, shape, host) : 0;
    const plan = { trials: options.trials, confidence: options.confidence, full: options.full === true };
    const part =
      options.shard &&
      shardRecord(options.shard, { definition: await definitionOf(found), cells: all, plan });
    using ledger = await Ledger.open(context);
    let soFar: readonly MatrixRow[] = [];
    try {
      const { cold, fresh } = options;
      const about = { ...reproRun("matrix", found), shard: part };
      const rows = await recorded(about, options, context, async (run) => {
        // Also of no cells: a shard that has none is there all the same.
        run.tell({ matrix: matrixRecord([], plan) });
        const onChange = (changed: readonly MatrixRow[]): void => {
          soFar = changed;
          session.board((room) => renderMatrixSoFar(changed, room, plan));
          run.tell({ matrix: matrixRecord(changed, plan) });
        };
        return await runMatrix(
          { found, cells, plan, jobs, spare, cold, fresh, run, open: queue.open, onChange },
          ledger,
          context,
        );
      });
      const exit = matrixExitCode(rows.map(({ verdict }) => verdict.type));
      session.result(
        "matrix",
        { repro: repro.id, ...plan, jobs, exitCode: exit, cells: rows },
        {
          json: options.json,
          text: () =>
            rows.length === 0
              ? `none of the ${all.length} cells is of this shard: nothing was run`
              : renderMatrix(rows, { width: session.width, plan }),
        },
      );
      process.exitCode = exit;
    } catch (error) {
      // What was seen until then is worth showing; it is in the ledger as well.
      if (soFar.some(({ trials }) => trials.length > 0) && options.json !== true)
        session.print(renderMatrix(soFar, { width: session.width, plan }));
      throw error;
    }
  });
}

async function choiceOf(
  repro: Repro,
  options: MatrixCommandOptions,
  context: Context,
): Promise<MatrixChoice> {
  const cell = chooseCell(repro.axes, {}, context.settings);
  return {
    kernel: options.kernel && (await expandRanges("kernel", options.kernel, cell, context)),
    node: options.node && (await expandRanges("node", options.node, cell, context)),
    env: options.env,
    image: options.image,
    axes: options.axis,
  };
}

function selectors(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...splitSelectors(text)];
}

function environments(
  text: string,
  before: readonly Readonly<Record<string, string>>[] = [],
): readonly Readonly<Record<string, string>>[] {
  return [...before, argument(() => parseEnvironment(text))];
}

function axes(
  text: string,
  before: Readonly<Record<string, readonly string[]>> = {},
): Readonly<Record<string, readonly string[]>> {
  const [name, values] = argument(() => parseAxis(text));
  return { ...before, [name]: [...(before[name] ?? []), ...values] };
}

function images(text: string, before: readonly Cell["image"][] = []): readonly Cell["image"][] {
  return [...before, ...text.split(",").map(imageKind)];
}

function confidence(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError("expected a number between 0 and 1.");
  return value;
}
