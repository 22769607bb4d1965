import { type Command, InvalidArgumentError, Option } from "commander";
import { exitCode, UsageError } from "../base/errors.ts";
import { describeVersion } from "../base/version.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { Ledger } from "../campaign/ledger.ts";
import { mapLines } from "../campaign/map/places.ts";
import { type MappedLine, type RunMapResult, runMap } from "../campaign/map/run.ts";
import { linesOfShard, mapShardRecord } from "../campaign/map/shard.ts";
import type { Shard } from "../campaign/matrix/shard.ts";
import { hostRoom, undisturbedJobs } from "../campaign/pool.ts";
import { chooseCell } from "../lab/cell.ts";
import { shapeOf } from "../lab/shape.ts";
import type { DocumentBody } from "../report/documents/documents.ts";
import { renderMap, renderMapSoFar } from "../report/map.ts";
import { type GateFacts, type GateLanguage, gate, gateLanguages } from "../report/map-gate.ts";
import { mapMarkdown } from "../report/map-markdown.ts";
import { badRanges } from "../report/map-ranges.ts";
import { mapRecord } from "../report/run-facts.ts";
import { findRepro } from "../repro/find.ts";
import { withNotes } from "./help.ts";
import { openQueueFor, type QueueOptions, queueOption } from "./queue.ts";
import { type ReportOptions, recorded, reportOption, reproRun } from "./recording.ts";
import { addCellOptions, type CellOptions, choiceOf, positiveInteger, shardOption } from "./selectors.ts";
import type { Session } from "./session.ts";

interface MapCommandOptions extends CellOptions, ReportOptions, QueueOptions {
  readonly series?: readonly string[];
  readonly distro?: readonly string[];
  readonly confidence: number;
  readonly leastRate: number;
  readonly budget: number;
  readonly builds: number;
  readonly jobs?: number;
  readonly shard?: Shard;
  readonly markdown?: boolean;
  readonly gate?: GateLanguage;
  readonly json?: boolean;
}

/** `dstate map`: which releases of each stable line have a bug. */
export function addMap(program: Command, session: Session): void {
  const command = program
    .command("map <repro>")
    .description("find which releases of each stable line have it, both edges, with the fewest trials")
    .option("--series <list>", "lines such as 6.1,6.6, or ranges such as 6.1.106..6.1.129", list)
    .option("--distro <list>", "only kernels of these, such as debian; each a line of its own", list)
    .option("--confidence <p>", "how certain each release has to be", share, 0.99)
    .option("--least-rate <p>", "a bad release shows it in this share of its trials at the least", share, 0.1)
    .option("--budget <n>", "new trials at the most", positiveInteger, 1000)
    .option("--builds <n>", "kernels to build at the most, in each line", positiveInteger, 1000)
    .option(
      "--jobs <n>",
      "trials side by side; default: as many machines as have processors",
      positiveInteger,
    )
    .option("--markdown", "print it as Markdown for an issue, with the gates")
    .addOption(
      new Option("--gate <language>", "print only code that knows bad kernels").choices(gateLanguages),
    )
    .addOption(shardOption("releases"))
    .addOption(queueOption())
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(addCellOptions(command, { noKernel: true }), {
    about: [
      "Releases come from what is at hand: the cache, pins, kernel trees and Debian's index, a package before a source; `dstate kernels` lists them. Started again, it goes on where it was.",
      "Exit codes: 0 all of it is known, 125 some is not.",
    ],
    examples: [
      "dstate map io-uring-dstate --series 6.1.106..6.1.129",
      "dstate map io-uring-dstate --series 6.1,6.6 --builds 12",
      "dstate map io-uring-dstate --series 6.1.106..6.1.129 --gate c",
      "dstate map io-uring-dstate --series 6.1,6.6 --shard 2/5",
    ],
  }).action(async (name: string, options: MapCommandOptions) => {
    const context = await session.context();
    const found = await findRepro(name);
    const { repro } = found;
    if (options.series === undefined)
      throw new UsageError("say which lines of releases to map", {
        next: "Write --series 6.1,6.6, or a range of one: --series 6.1.106..6.1.129.",
      });
    const cell = chooseCell(repro.axes, choiceOf(options), context.settings);
    const all = await mapLines(options.series, options.distro ?? [], cell, context);
    const lines = options.shard === undefined ? all : linesOfShard(all, options.shard);
    await using queue = await openQueueFor(options, found, context);
    const { open } = queue;
    const jobs =
      options.jobs ?? queue.jobs ?? undisturbedJobs(shapeOf(repro.machine), hostRoom(context.settings));
    const { confidence, leastRate, budget, builds, cold, json } = options;
    const part =
      options.shard &&
      mapShardRecord(options.shard, {
        definition: await definitionOf(found),
        lines: all,
        plan: { confidence, leastRate, budget, builds },
      });
    const show = (mapped: readonly MappedLine[]): string =>
      renderMap(mapped, { width: session.width, confidence });
    let soFar: readonly MappedLine[] = [];
    using ledger = await Ledger.open(context);
    try {
      const about = { ...reproRun("map", found), shard: part };
      const result = await recorded(about, options, context, async (run) => {
        // Also of no releases: a shard that has none is there all the same.
        run.tell({ matrix: mapRecord([], confidence) });
        const onChange = (mapped: readonly MappedLine[]): void => {
          soFar = mapped;
          session.board((room) => renderMapSoFar(mapped, room));
          run.tell({ matrix: mapRecord(mapped, confidence) });
        };
        const asked = { found, lines, confidence, leastRate, budget, builds, jobs, cold };
        const plan = { ...asked, run, open, buildsAtOnce: queue.workers, onChange };
        const done = await runMap(plan, ledger, context);
        onChange(done.lines);
        return done;
      });
      const facts = { repro: repro.id, title: repro.title, lines: result.lines };
      const exit = result.stopped === "done" ? exitCode.clean : exitCode.inconclusive;
      const version = await describeVersion();
      const text = (): string =>
        options.gate !== undefined
          ? gate(options.gate, facts)
          : options.markdown === true
            ? mapMarkdown(result.lines, { repro: repro.id, title: repro.title, version })
            : lines.length === 0
              ? `none of the ${all.length} lines has a release of this shard: nothing was run`
              : show(result.lines);
      session.result("map", bodyOf(facts, result, { confidence, leastRate, exitCode: exit }), { json, text });
      process.exitCode = exit;
    } catch (error) {
      // What was seen until then is worth showing; it is in the ledger as well.
      if (soFar.length > 0 && json !== true) session.print(show(soFar));
      throw error;
    }
  });
}

function bodyOf(
  facts: GateFacts,
  { lines, newTrials, stopped }: RunMapResult,
  asked: Pick<DocumentBody<"map">, "confidence" | "leastRate" | "exitCode">,
): DocumentBody<"map"> {
  return {
    repro: facts.repro,
    ...asked,
    newTrials,
    stopped,
    lines: lines.map((line) => ({
      name: line.name,
      series: line.series,
      builds: line.builds,
      settled: line.map.settled,
      whole: line.map.whole,
      intervals: line.map.intervals.map(({ from, to, ...interval }) => ({
        first: line.releases[from]?.version ?? "",
        last: line.releases[to]?.version ?? "",
        ...interval,
      })),
      badRanges: badRanges(line).map(({ first, last, from, to }) => ({ first, last, from, to })),
      releases: line.releases.map(({ seen, trials, ...release }) => ({
        ...release,
        ...seen,
        trials: trials.map(({ outcome, summary, evidence, earlier }) => ({
          outcome,
          summary,
          evidence,
          earlier,
        })),
      })),
    })),
    gates: { c: gate("c", facts), node: gate("node", facts), shell: gate("shell", facts) },
  };
}

function list(text: string, before: readonly string[] = []): readonly string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) throw new InvalidArgumentError("expected a list with commas, nothing empty in it.");
  return [...new Set([...before, ...items])];
}

function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError("expected a number between 0 and 1.");
  return value;
}
