import type { Command } from "commander";
import { gitBisectBaseline, simulate } from "../campaign/simulate.ts";
import { renderTable } from "../render/table.ts";
import { toJson } from "../repro/evidence.ts";
import { positiveInteger } from "./selectors.ts";
import type { Session } from "./session.ts";

const [candidates, confidence] = [1024, 0.99];
const seconds = { build: 240, trial: 20 };

/** `dstate bench bisect`: the policy against the channel's capacity and against `git bisect run`. */
export function addBisectBench(bench: Command, session: Session): void {
  bench
    .command("bisect")
    .description("simulate bisections of 1,024 candidates; compare with the theory and with `git bisect run`")
    .option("--runs <n>", "of each kind", positiveInteger, 1000)
    .option("--seed <n>", "of the made-up histories", positiveInteger, 1)
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExample: dstate bench bisect --json")
    .action((options: { runs: number; seed: number; json?: boolean }) => {
      const results = [1, 0.5, 0.2, 0.05].map((rate) => {
        const plan = { candidates, confidence, rate, runs: options.runs, seed: options.seed };
        return {
          rate,
          known: simulate({ ...plan, known: true }),
          unknown: simulate({ ...plan, known: false }),
          knownWithCosts: simulate({ ...plan, known: true, seconds }),
          unknownWithCosts: simulate({ ...plan, known: false, seconds }),
          gitBisect: gitBisectBaseline({ candidates, confidence, rate, seconds }),
        };
      });
      if (options.json) {
        session.print(toJson({ candidates, confidence, seconds, ...options, results }));
        return;
      }
      const rows = results.map(({ rate, known, unknown, knownWithCosts, unknownWithCosts, gitBisect }) => [
        `${rate}`,
        ...[known, unknown].map(
          ({ trials, timesYardstick, right }) =>
            `${trials.toFixed(1)} (x${timesYardstick.toFixed(2)}), ${(100 * right).toFixed(1)} % right`,
        ),
        `${gitBisect.trials.toFixed(1)} (${gitBisect.repeats} repeats)`,
        (known.trials / gitBisect.trials).toFixed(2),
        ...[knownWithCosts, unknownWithCosts].map(
          (ours) =>
            `${(ours.seconds / gitBisect.seconds).toFixed(2)}, ${(ours.seconds / gitBisect.secondsWithoutEarlyStop).toFixed(2)} without its early stop`,
        ),
      ]);
      session.print(
        renderTable(
          [
            "rate",
            "rate known",
            "rate unknown",
            "git bisect run",
            "known / git",
            "time / git, known",
            "time / git, unknown",
          ],
          rows,
          { width: session.width },
        ),
      );
    });
}
