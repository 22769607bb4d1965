import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { Context } from "../base/context.ts";
import { exitCode, UsageError } from "../base/errors.ts";
import type { BisectState } from "../campaign/bisect/bisect.ts";
import { readLog, writeLog } from "../campaign/bisect/log.ts";
import { otherFailures } from "../campaign/bisect/other-failures.ts";
import { answerOf, commitOf, type RunBisectOptions, recall, runBisect } from "../campaign/bisect/run.ts";
import { followUpstream, type Upstream } from "../campaign/bisect/upstream.ts";
import { type Campaign, Ledger } from "../campaign/ledger.ts";
import { hostRoom, undisturbedJobs } from "../campaign/pool.ts";
import { shapeOf } from "../lab/shape.ts";
import { type AnswerFacts, describeAnswer } from "../report/bisect-answer.ts";
import { describeConclusion, renderPosterior, rowsOf } from "../report/posterior.ts";
import { bisectRecord } from "../report/run-facts.ts";
import { describeUpstream } from "../report/upstream-commit.ts";
import { findRepro } from "../repro/find.ts";
import { candidatesOf, commitsOf, insideOf, type RangeOptions, suspicionOf } from "./bisect-range.ts";
import { withNotes } from "./help.ts";
import { openQueueFor, type QueueOptions, queueOption } from "./queue.ts";
import { type ReportOptions, recorded, reportOption, reproRun } from "./recording.ts";
import { addCellOptions, positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface BisectCommandOptions extends RangeOptions, ReportOptions, QueueOptions {
  readonly fixed?: boolean;
  readonly twoSided?: boolean;
  readonly confidence: number;
  readonly budget: number;
  readonly confirm?: boolean;
  readonly rate?: number;
  readonly jobs?: number;
  readonly json?: boolean;
}

/** `dstate bisect`: which version or commit brought, or mended, a failure that shows in some runs only. */
export function addBisect(program: Command, session: Session): void {
  const command = program
    .command("bisect")
    .argument("[repro]")
    .description(
      "find what broke it, or mended it, even when it fails only sometimes; --kernel or --node takes a range A..B",
    )
    .option("--fixed", "find what mended it: the left end is bad, the right end is good")
    .option("--two-sided", "good ones fail too, only less often; neither rate is known")
    .option("--git <tree>", "bisect over the commits of a kernel tree; with --range")
    .option("--range <A..B>", "the revisions for --git, the older one first")
    .option(
      "--suspect <path>",
      "commits that change this file or folder are likelier to be the one; `stacks`: the files of its stacks; may be repeated",
      (path: string, others: readonly string[] = []) => [...others, path],
    )
    .option("--confidence <p>", "stop when one answer is this likely", probability, 0.99)
    .option("--budget <n>", "new trials at the most", positiveInteger, 1000)
    .option("--confirm", "take the commit that was found back on the right end, and try that")
    .option("--rate <p>", "how often a bad candidate reproduces, if that is known", probability)
    .option(
      "--jobs <n>",
      "trials side by side; default: as many machines as have processors",
      positiveInteger,
    )
    .addOption(queueOption())
    .addOption(reportOption())
    .option("--json", "one JSON document on standard output");
  withNotes(addCellOptions(command), {
    about: [
      "The left end of a range is good and the right end bad; with --fixed it is the other way round.",
      "Started again, it goes on where it was. Exit codes: 0 found, 125 not found.",
    ],
    examples: [
      "dstate bisect io-uring-dstate --kernel 6.1.115 --node 20.0.0..20.9.0",
      "dstate bisect io-uring-dstate --kernel 6.1.106..6.1.115",
      "dstate bisect io-uring-dstate --fixed --kernel 6.1.115..6.1.129",
      "dstate bisect io-uring-dstate --git ~/linux --range v6.1.106..v6.1.115",
    ],
  }).action(async (name: string | undefined, options: BisectCommandOptions) => {
    if (name === undefined)
      throw new UsageError("say which repro to bisect", { next: "`dstate repros` lists them." });
    if (options.twoSided === true && options.rate !== undefined)
      throw new UsageError("--rate says how often a bad one fails, and with --two-sided no rate is known", {
        next: "Leave one of them out.",
      });
    const context = await session.context();
    const found = await findRepro(name);
    const { repro } = found;
    let asked: Pick<RunBisectOptions, "range" | "candidates" | "details"> = await candidatesOf(
      repro,
      options,
      context,
    );
    // A trial beside another, not knowing what that one shows, tells less: it has to cost nothing.
    const direction = options.fixed === true ? "mended" : "broke";
    const shape = shapeOf(repro.machine);
    await using queue = await openQueueFor(options, found, context);
    const jobs = options.jobs ?? queue.jobs ?? undisturbedJobs(shape, hostRoom(context.settings));
    using ledger = await Ledger.open(context);
    const { id, campaign, result, confirmation, sameAsParent } = await recorded(
      reproRun("bisect", found),
      options,
      context,
      async (run) => {
        const tell = (id: string, campaign: Campaign): void =>
          run.tell({ bisect: bisectRecord(id, campaign, ledger) });
        for (let newTrials = 0; ; ) {
          const done = await runBisect(
            {
              ...options,
              ...(await suspicionOf(options, { found, ...asked }, ledger, context)),
              ...asked,
              budget: options.budget - newTrials,
              direction,
              jobs,
              found,
              run,
              open: queue.open,
              onTrial: tell,
            },
            ledger,
            context,
          );
          tell(done.id, done.campaign);
          newTrials += done.result.newTrials;
          const line = asked.candidates;
          const candidate = line[answerOf(done.result) ?? -1];
          const inside = candidate && (await insideOf({ candidate, line }, { repro, options }, context));
          if (!inside) return { ...done, result: { ...done.result, newTrials } };
          asked = inside;
        }
      },
    );
    const { newTrials } = result;
    const upstream = await upstreamOf(result, asked.candidates, options, context);
    const answer = { confirmation, sameAsParent, others: await otherFailures(campaign, ledger) };
    show("bisect", { id, campaign, state: result, json: options.json, newTrials, upstream, answer });
    process.exitCode = result.conclusion.type === "found" ? exitCode.clean : exitCode.inconclusive;
  });
  withNotes(
    command
      .command("log [id]")
      .description("every trial of a bisection, one JSON document a line; the last bisection without an id"),
    { examples: ["dstate bisect log > my-report.jsonl"] },
  ).action(async (id: string | undefined) => {
    const context = await session.context({ quiet: true });
    using ledger = await Ledger.open(context);
    session.print(writeLog(campaignOf(ledger, id).campaign, ledger));
  });
  withNotes(
    command
      .command("replay <file>")
      .description("what a log comes to, without running anything")
      .option("--json", "one JSON document on standard output"),
    { examples: ["dstate bisect replay my-report.jsonl"] },
  ).action(async (file: string, _options: unknown, own: Command) => {
    const text = await readFile(file, "utf8").catch((cause: unknown) => {
      throw new UsageError(`${file} cannot be read`, { cause });
    });
    const { campaign, state } = readLog(text);
    show("bisect replay", { campaign, state, json: jsonOf(own) });
  });
  withNotes(
    command
      .command("visualize [id]")
      .description("the probabilities of a bisection as a plot; the last bisection without an id")
      .option("--json", "one JSON document on standard output"),
    { examples: ["dstate bisect visualize"] },
  ).action(async (id: string | undefined, _options: unknown, own: Command) => {
    const context = await session.context({ quiet: true });
    using ledger = await Ledger.open(context);
    const { id: full, campaign } = campaignOf(ledger, id);
    const state = recall(campaign, ledger);
    show("bisect visualize", { id: full, campaign, state, json: jsonOf(own) });
  });

  const show = (
    name: "bisect" | "bisect replay" | "bisect visualize",
    shown: {
      /** None: it is read from a file, and the ledger knows nothing of it. */
      id?: string;
      campaign: Campaign;
      state: BisectState;
      json: boolean | undefined;
      newTrials?: number;
      upstream?: Upstream | undefined;
      answer?: AnswerFacts;
    },
  ): void => {
    const { id, campaign, state, json, newTrials, upstream, answer } = shown;
    const { repro, range, candidates, direction = "broke" } = campaign;
    const rows = rowsOf(candidates, state);
    const sentence = describeConclusion(campaign, state);
    const text = (): string =>
      [
        renderPosterior(rows, { width: session.width, colour: session.colour }),
        sentence,
        ...(upstream ? [describeUpstream(upstream)] : []),
        ...(answer ? describeAnswer(answer) : []),
        ...(id === undefined ? [] : [`bisection ${id}: \`dstate bisect log ${id}\``]),
      ].join("\n");
    const { conclusion, rate, goodRate, observations } = state;
    const trials = observations.length;
    const found = { conclusion, sentence, rate, goodRate, trials, newTrials, upstream };
    session.result(
      name,
      { id, repro, range, direction, ...found, ...answer, candidates: rows },
      { json, text },
    );
  };
}

/** Where a commit of a stable tree comes from, when the answer is one. */
async function upstreamOf(
  state: BisectState,
  candidates: RunBisectOptions["candidates"],
  options: BisectCommandOptions,
  context: Context,
): Promise<Upstream | undefined> {
  const commits = commitsOf(options);
  const answer = answerOf(state);
  const commit = answer === undefined ? undefined : commitOf(candidates[answer]);
  if (!commits || commit === undefined) return undefined;
  const trees = [resolve(commits.tree), ...context.settings.kernelTrees] as const;
  return await followUpstream(commit, trees, context);
}

function campaignOf(ledger: Ledger, id: string | undefined): { id: string; campaign: Campaign } {
  const found = ledger.findCampaign(id);
  if (found) return found;
  throw new UsageError(id === undefined ? "nothing was bisected here yet" : `there is no bisection ${id}`, {
    next: "Start one with `dstate bisect REPRO --kernel A..B`.",
  });
}

/** The parent command has an option of the same name, which takes what follows the subcommand too. */
function jsonOf(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true;
}

function probability(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError("expected a number above 0, at most 1.");
  return value;
}
