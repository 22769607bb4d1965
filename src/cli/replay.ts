import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { Context } from "../base/context.ts";
import { exitCode, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import { parseKernelLog } from "../kernel-log/kernel-log.ts";
import { type Replayed, recordingOf, runnableRecording, startReplay } from "../lab/recorded.ts";
import { openDebugger } from "../machine/debugger.ts";
import { type ReplayEnd, type ReplayGoal, replay } from "../machine/replay.ts";
import { findRun, readRun, type StoredRun } from "../record/read-run.ts";
import { gdbLine, imageForGdb } from "./gdb.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";
import { goalOf, guestSeconds, parseUntil, placesFor, type Until } from "./until.ts";

interface ReplayOptions {
  readonly until?: Until;
  readonly gdb?: boolean;
  readonly json?: boolean;
}

/** `dstate replay`: what was recorded, once more. */
export function addReplay(program: Command, session: Session): void {
  const command = program
    .command("replay")
    .argument("[run]", "a recorded run's folder, or a part of its name; the last one without")
    .description("run a recorded machine again, the same instruction by instruction")
    .option(
      "--until <what>",
      "stop at the console's first `finding` or `sysrq`, at a kernel function, or at the instruction of a number",
      parseUntil,
    )
    .addOption(new Option("--gdb", "let gdb come to it there, or at its first instruction").conflicts("json"))
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "What its console says is held against the recording's, bit by bit; exit code 125 if they differ, or if it did not come to where it was to stop.",
      "In gdb, reverse-stepi and reverse-continue walk back in it, and `owners LOCK` goes back to the unlock that was wrong. A run is recorded with `dstate run REPRO --record`.",
    ],
    examples: [
      "dstate replay last",
      "dstate replay last --until finding",
      "dstate replay last --until io_uring_del_tctx_node --gdb",
    ],
  }).action(async (name: string | undefined, options: ReplayOptions) => {
    const context = await session.context();
    const run = await readRun(await findRun(name, context.settings));
    const trial = await recordedTrial(run);
    const { until } = options;
    const { kernel } = await runnableRecording(recordingOf(trial), context.signal);
    // What was mistyped is told before anything is started.
    const places = until && (await placesFor(until, kernel, context));
    const goal = until && goalOf(until, places);
    const start = performance.now();
    await using replayed = await startReplay(recordingOf(trial), context);
    const { machine } = replayed;
    const atStart = options.gdb === true && goal === undefined;
    const end = atStart
      ? undefined
      : await runTo(goal, options.gdb === true ? replayed.quietMoments : [], replayed, context);
    const compared = await compare(trial, replayed, end);
    const stopped =
      end?.type === "stop"
        ? {
            instruction: end.instruction,
            line: end.line,
            function: until?.type === "function" ? until.name : undefined,
            seconds: await guestSeconds(end, { machine, kernel, places }, context),
          }
        : undefined;
    if (!atStart)
      session.result(
        "replay",
        {
          run: run.dir,
          trial,
          console: machine.console.logFile,
          ...compared,
          stopped,
          took: Math.round(performance.now() - start),
        },
        { json: options.json, text: () => told(compared, stopped, until) },
      );
    if (!atStart && (!compared.same || (until && !stopped))) process.exitCode = exitCode.inconclusive;
    else if (options.gdb) await letGdbCome(replayed, session, context);
  });
}

/** The last trial of a run that was recorded. */
async function recordedTrial({ dir, record }: StoredRun): Promise<string> {
  const trials = [".", ...record.trials.map(({ folder }) => folder)].map((folder) => join(dir, folder));
  for (const trial of trials.toReversed()) {
    const isThere = await access(recordingOf(trial)).then(
      () => true,
      () => false,
    );
    if (isThere) return trial;
  }
  throw new UsageError(`the run ${dir} was not recorded`, {
    next: "A trial that is not clean leaves its recording with `dstate run REPRO --record`.",
  });
}

async function runTo(
  until: ReplayGoal | undefined,
  states: readonly number[],
  { machine }: Replayed,
  context: Context,
): Promise<ReplayEnd> {
  const limits = { within: timeouts.replay, pace: machine.pace, signal: context.signal } as const;
  return await step(
    context.progress,
    "replay",
    async () =>
      await withDeadline(
        "the replay",
        limits,
        async (signal) => await replay(machine, { until, states, signal }),
      ),
  );
}

interface Comparison {
  readonly same: boolean;
  /** Of the console, in the replay. */
  readonly bytes: number;
  readonly findings: readonly string[];
}

/** What a replay that stopped has said by then is the beginning of what was recorded. */
async function compare(
  trial: string,
  { machine }: Replayed,
  end: ReplayEnd | undefined,
): Promise<Comparison> {
  const [before, now] = await Promise.all([
    readFile(join(trial, "console.log")),
    readFile(machine.console.logFile),
  ]);
  const text = sanitize(now.toString(), { maxLength: 2 ** 26 });
  return {
    same: now.equals(end?.type === "end" ? before : before.subarray(0, now.length)),
    bytes: now.length,
    findings: parseKernelLog(text).map(({ title }) => title),
  };
}

interface Stopped {
  readonly instruction: number;
  readonly line: string | undefined;
  readonly function: string | undefined;
  readonly seconds: number | undefined;
}

/** @internal */
export function told(
  { same, bytes, findings }: Comparison,
  stopped: Stopped | undefined,
  until: Until | undefined,
): string {
  const found = `${findings.length} finding${findings.length === 1 ? "" : "s"}`;
  const length = `${bytes} bytes of console`;
  return [
    ...(until === undefined ? [] : [stopped ? whereItStopped(stopped) : neverReached(until)]),
    same
      ? `the same as was recorded${stopped ? " so far" : ""}: ${length}, bit by bit, and ${found}`
      : `not the same as was recorded: the consoles differ (${bytes} bytes now)`,
    ...[...new Set(findings)].map((title) => `  ${title}`),
  ].join("\n");
}

function whereItStopped({ instruction, line, function: name, seconds }: Stopped): string {
  const time = seconds === undefined ? "" : `, ${seconds.toFixed(seconds < 1 ? 6 : 3)} s of the guest's time`;
  if (line !== undefined)
    return `stopped at instruction ${instruction}${time}, a moment after this line:\n  ${sanitize(line, { maxLength: 300 })}`;
  return `stopped at instruction ${instruction}${time}${name === undefined ? "" : `, before the first of ${name}`}`;
}

function neverReached(until: Until): string {
  switch (until.type) {
    case "finding":
    case "sysrq":
      return `its console shows no ${until.type}: it ran to the end`;
    case "function":
      return `it never comes to ${until.name}: it ran to the end`;
    case "instruction":
      return `it ends before instruction ${until.instruction}`;
  }
}

async function letGdbCome(
  { machine, recording }: Replayed,
  session: Session,
  context: Context,
): Promise<void> {
  const { signal } = context;
  const image = await imageForGdb(recording.kernel, session, context);
  const owners = join(context.settings.homeDir, "gdb", "owners.py");
  session.print(gdbLine(image, await openDebugger(machine, context), context, [`source ${owners}`]));
  session.say(
    recording.machine.begins === undefined
      ? "this recording is an older dstate's: gdb cannot go back in it; the machine stands here until Ctrl-C"
      : "in gdb, `stuck` shows the tasks in D, and `owners LOCK` goes back through who took and gave a mutex; the machine stands here until Ctrl-C",
  );
  signal.throwIfAborted();
  const interrupted = new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  await Promise.race([interrupted, machine.exited]);
}
