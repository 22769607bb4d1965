import { z } from "zod";
import { UsageError } from "../../base/errors.ts";
import { type Campaign, campaignSchema, type Ledger } from "../ledger.ts";
import { type BisectState, stateOf } from "./bisect.ts";
import { planOf } from "./run.ts";

const entrySchema = z.object({
  candidate: z.string(),
  outcome: z.enum(["reproduced", "clean", "inconclusive", "infra-error"]),
  summary: z.string(),
  evidence: z.string(),
  startedAt: z.string(),
  took: z.number(),
});
const skipSchema = z.object({ candidate: z.string(), skipped: z.string() });
const headSchema = z.object({ bisect: campaignSchema });

/**
 * A bisection as text, one JSON document a line: what was asked, then every trial in the order it was run.
 * {@link readLog} reads it back.
 */
export function writeLog(campaign: Campaign, ledger: Ledger): string {
  const trials = campaign.candidates
    .flatMap(({ name, cell }) => ledger.trialsOf(cell).map((trial) => ({ name, trial })))
    .sort((a, b) => a.trial.id - b.trial.id)
    .map(({ name, trial: { outcome, summary, evidence, startedAt, took } }) => ({
      candidate: name,
      outcome,
      summary,
      evidence,
      startedAt,
      took,
    }));
  const skips = campaign.candidates.flatMap(({ name, cell }) => {
    const skipped = ledger.skipOf(cell);
    return skipped === undefined ? [] : [{ candidate: name, skipped }];
  });
  return [{ bisect: campaign }, ...trials, ...skips].map((line) => JSON.stringify(line)).join("\n");
}

/**
 * What a log comes to, without running anything.
 *
 * @throws {UsageError} when the text is no log of a bisection.
 */
export function readLog(text: string): { campaign: Campaign; state: BisectState } {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const parse = (line: string, index: number): unknown => {
    try {
      return JSON.parse(line);
    } catch {
      throw new UsageError(`line ${index + 1} is not JSON: this is no log of \`dstate bisect log\``);
    }
  };
  const [first, ...rest] = lines.map(parse);
  const head = headSchema.safeParse(first);
  if (!head.success)
    throw new UsageError("the first line does not say what was bisected", {
      next: "Give a file that `dstate bisect log` wrote.",
    });
  const campaign = head.data.bisect;
  const places = new Map(campaign.candidates.map(({ name }, index) => [name, index]));
  const trials = campaign.candidates.map((): { outcome: z.infer<typeof entrySchema>["outcome"] }[] => []);
  const skipped = campaign.candidates.map(() => false);
  for (const [index, line] of rest.entries()) {
    const entry = z.union([entrySchema, skipSchema]).safeParse(line);
    const place = entry.success ? places.get(entry.data.candidate) : undefined;
    if (!entry.success || place === undefined)
      throw new UsageError(`line ${index + 2} is no trial of this bisection`);
    if ("skipped" in entry.data) skipped[place] = true;
    else trials[place]?.push(entry.data);
  }
  return {
    campaign,
    state: stateOf(planOf(campaign), trials, skipped),
  };
}
