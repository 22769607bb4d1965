import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { Context } from "../base/context.ts";
import { exitCode, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { sanitize } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import { parseKernelLog } from "../kernel-log/kernel-log.ts";
import { type Replayed, recordingOf, startReplay } from "../lab/recorded.ts";
import { replay } from "../machine/replay.ts";
import { findRun, readRun, type StoredRun } from "../record/read-run.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

/** `dstate replay`: what was recorded, once more. */
export function addReplay(program: Command, session: Session): void {
  const command = program
    .command("replay")
    .argument("[run]", "a recorded run's folder, or a part of its name; the last one without")
    .description("run a recorded machine again, the same instruction by instruction")
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    about: [
      "What its console says is held against the recording's, bit by bit; exit code 125 if they differ.",
      "A run is recorded with `dstate run REPRO --record`.",
    ],
    examples: ["dstate replay last"],
  }).action(async (name: string | undefined, options: { readonly json?: boolean }) => {
    const context = await session.context();
    const run = await readRun(await findRun(name, context.settings));
    const trial = await recordedTrial(run);
    const start = performance.now();
    await using replayed = await startReplay(recordingOf(trial), { paused: false }, context);
    await toTheEnd(replayed, context);
    const compared = await compare(trial, replayed);
    session.result(
      "replay",
      {
        run: run.dir,
        trial,
        console: replayed.machine.console.logFile,
        ...compared,
        took: Math.round(performance.now() - start),
      },
      { json: options.json, text: () => comparison(compared) },
    );
    if (!compared.same) process.exitCode = exitCode.inconclusive;
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

async function toTheEnd({ machine }: Replayed, context: Context): Promise<void> {
  const limits = { within: timeouts.replay, pace: machine.pace, signal: context.signal } as const;
  await step(
    context.progress,
    "replay",
    async () =>
      await withDeadline(
        "the replay",
        limits,
        async (signal) => await replay(machine, { within: timeouts.replay, signal }),
      ),
  );
}

interface Comparison {
  readonly same: boolean;
  /** Of the console, in the replay. */
  readonly bytes: number;
  readonly findings: readonly string[];
}

async function compare(trial: string, { machine }: Replayed): Promise<Comparison> {
  const [before, now] = await Promise.all(
    [join(trial, "console.log"), machine.console.logFile].map(async (path) => await readFile(path)),
  );
  const text = sanitize(now?.toString() ?? "", { maxLength: 2 ** 26 });
  return {
    same: before !== undefined && now !== undefined && before.equals(now),
    bytes: now?.length ?? 0,
    findings: parseKernelLog(text).map(({ title }) => title),
  };
}

function comparison({ same, bytes, findings }: Comparison): string {
  const found = `${findings.length} finding${findings.length === 1 ? "" : "s"}`;
  return [
    same
      ? `the same as was recorded: ${bytes} bytes of console, bit by bit, and ${found}`
      : `not the same as was recorded: the consoles differ (${bytes} bytes now)`,
    ...[...new Set(findings)].map((title) => `  ${title}`),
  ].join("\n");
}
