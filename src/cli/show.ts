import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { command as runProgram } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { formatBytes } from "../base/size.ts";
import { oneLine } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { findRun, readRun, type StoredRun } from "../record/read-run.ts";
import { writePage } from "../report/page/write.ts";
import { upstreamFacts } from "../report/upstream/facts.ts";
import { isUpstreamFormat, type UpstreamFormat, upstreamFormats } from "../report/upstream/formats.ts";
import { recipientsOf } from "../report/upstream/recipients.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

interface ShowOptions {
  readonly out?: string;
  readonly open?: boolean;
  readonly for?: UpstreamFormat;
  readonly tree?: string;
  readonly json?: boolean;
}

const formats = Object.keys(upstreamFormats).join(", ");

/** `dstate show`: a run as a page that anybody can open, or as the text of a report. */
export function addShow(program: Command, session: Session): void {
  const command = program
    .command("show")
    .argument("[run]", "a run's folder, or a part of its name; the last one without")
    .description("make one HTML file of a run: time axes, logs, call chains, who waits for whom")
    .option("--out <file>", "where the page goes; default: index.html in the run's folder")
    .option("--open", "open it in the browser of this host")
    .option("--for <whom>", `print the text of a report instead: ${formats}`, audience)
    .option("--tree <dir>", "with --for: a kernel tree, whose get_maintainer.pl names the recipients")
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: ["The file needs no server and no network, and nothing in it leaves the machine that shows it."],
    examples: [
      "dstate show",
      "dstate show io-uring-dstate-62e3 --out page.html",
      "dstate show io-uring-dstate-62e3 --for lkml --tree ~/linux",
    ],
  }).action(async (name: string | undefined, options: ShowOptions) => {
    const context = await session.context();
    const run = await readRun(await findRun(name, context.settings));
    if (options.for === undefined) return await showPage(run, options, session, context);
    const { text, recipientsFor, attach } = await reportText(run, options.for, options.tree, context);
    session.result("show", { run: run.dir, text }, { json: options.json, text: () => text });
    if (recipientsFor)
      session.say(`recipients by get_maintainer.pl for ${recipientsFor.join(", ") || "no file"}`);
    if (attach !== undefined) session.say(`attach what it names: ${attach}`);
  });
}

async function showPage(
  run: StoredRun,
  options: ShowOptions,
  session: Session,
  context: Context,
): Promise<void> {
  const { length } = run.record.trials;
  const file = options.out === undefined ? join(run.dir, "index.html") : resolve(options.out);
  const bytes = await writePage(run, file, context);
  session.result(
    "show",
    { run: run.dir, page: file, bytes, trials: length },
    { json: options.json, text: () => [...unfinishedIn(run), `${file} (${formatBytes(bytes)})`].join("\n") },
  );
  if (options.open)
    await runProgram(["xdg-open", file], { within: timeouts.host.ask, signal: context.signal });
}

/** What of a run that did not get to its end was left unfinished. */
function unfinishedIn({ state, record }: StoredRun): string[] {
  const open = record.trials.filter((trial) => trial.state !== "ended");
  const trials = open.map(({ number, title }) => `unfinished: trial ${number}, ${oneLine(title)}`);
  if (state === "running") return [`${record.id} runs still`, ...trials];
  return state === "finished" ? trials : [`${record.id} was ${state}, not finished`, ...trials];
}

/** @throws {UsageError} when no trial of the run failed. */
async function reportText(
  run: StoredRun,
  format: UpstreamFormat,
  tree: string | undefined,
  context: Context,
): Promise<{
  readonly text: string;
  readonly recipientsFor: readonly string[] | undefined;
  readonly attach: string | undefined;
}> {
  const facts = await upstreamFacts(run, context);
  if (!facts)
    throw new UsageError("no trial of this run failed: there is nothing to report", {
      next: "`dstate show` without --for shows what it did.",
    });
  const recipients = tree === undefined ? undefined : await recipientsOf(facts, tree, context);
  const text = upstreamFormats[format](facts, recipients ?? { people: [], lists: [] }).trimEnd();
  const config = join(run.dir, facts.trial.folder, "kernel-config");
  const attach = facts.parts?.kernel.configSha256 !== undefined && existsSync(config) ? config : undefined;
  return { text, recipientsFor: recipients?.files, attach };
}

function audience(text: string): UpstreamFormat {
  if (isUpstreamFormat(text)) return text;
  throw new InvalidArgumentError(`expected one of ${formats}.`);
}
