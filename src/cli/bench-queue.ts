import type { Command } from "commander";
import { leastSeconds, simulateCampaign } from "../bench/queue-simulation.ts";
import { renderTable } from "../report/table.ts";
import { withNotes } from "./help.ts";
import { positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

interface BenchQueueOptions {
  readonly queue?: string;
  readonly trials: number;
  readonly kernels: number;
  readonly build: number;
  readonly seconds: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** Milliseconds of the database for a trial, where it is not measured: see docs/scale.md. */
const usualCost = 10;
const sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] as const;

/** `dstate bench queue`: what a queue costs, and how far workers carry. */
export function addQueueBench(bench: Command, session: Session): void {
  const command = bench
    .command("queue")
    .description("measure a queue, and simulate a campaign on up to 1,000 workers in virtual time")
    .option("--queue <postgres-url>", "measure this one; else 10 ms a trial are taken", undefined)
    .option("--trials <n>", "of the campaign, and to measure with (at most 500)", positiveInteger, 10_000)
    .option("--kernels <n>", "that have to be built", positiveInteger, 20)
    .option("--build <seconds>", "that a kernel takes", positiveInteger, 300)
    .option("--seconds <seconds>", "that a trial takes", positiveInteger, 20)
    .option("--seed <n>", "of the trials' lengths", positiveInteger, 1)
    .option("--json", "one JSON document on standard output");
  withNotes(command, {
    examples: ["dstate bench queue", "dstate bench queue --queue postgres://dstate:secret@localhost/dstate"],
  }).action(async (options: BenchQueueOptions) => {
    const measured = await measure(options, session);
    const queue = (measured?.millisecondsPerTrial ?? usualCost) / 1000;
    const { kernels, build, seconds: trial, seed } = options;
    const trials = Math.max(1, Math.round(options.trials / kernels));
    const rows = sizes.map((workers) => {
      const campaign = { workers, kernels, trials, build, trial, queue, seed };
      const least = leastSeconds(campaign);
      const { seconds, trialsPerHour } = simulateCampaign(campaign);
      return { workers, seconds, trialsPerHour, leastSeconds: least.seconds, bound: least.bound };
    });
    session.result(
      "bench queue",
      {
        kernels,
        trialsPerKernel: trials,
        buildSeconds: build,
        trialSeconds: trial,
        queueMilliseconds: queue * 1000,
        ...(measured === undefined ? {} : { measured }),
        rows,
      },
      {
        json: options.json,
        text: () =>
          [
            measured === undefined
              ? `taken, not measured: ${usualCost} ms of the database for a trial`
              : `measured: ${measured.millisecondsPerTrial.toFixed(1)} ms of the database for a trial, by ${measured.workers} at once; alone ${measured.alone.ask.toFixed(1)} to ask, ${measured.alone.take.toFixed(1)} to take, ${measured.alone.settle.toFixed(1)} to settle`,
            renderTable(
              ["workers", "hours", "trials an hour", "of the least time", "what binds"],
              rows.map((row) => [
                `${row.workers}`,
                (row.seconds / 3600).toFixed(2),
                row.trialsPerHour.toFixed(0),
                `x${(row.seconds / row.leastSeconds).toFixed(2)}`,
                row.bound,
              ]),
              { width: session.width },
            ),
          ].join("\n"),
      },
    );
  });
}

async function measure(options: BenchQueueOptions, session: Session) {
  const address = options.queue;
  if (address === undefined) return undefined;
  const { signal } = await session.context();
  const { Queue } = await import("../queue/queue.ts");
  const { measureQueue } = await import("../bench/queue-cost.ts");
  const plan = { trials: Math.min(500, options.trials), workers: 4 };
  return await measureQueue(plan, async () => await Queue.open(address, { signal }), signal);
}
