import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { silent } from "../../src/base/progress.ts";
import { readLog } from "../../src/campaign/bisect/log.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import type { TrialRecord } from "../../src/record/run-record.ts";
import { bisectRecord } from "../../src/report/run-facts.ts";
import { changeJson } from "./browser.ts";

/** A real bisection over 96 commits, as `dstate bisect log` wrote it. */
const recorded = new URL("../../docs/bisect-6.1.115.jsonl", import.meta.url);

interface Entry {
  readonly candidate: string;
  readonly outcome: "reproduced" | "clean";
  readonly summary: string;
  readonly evidence: string;
  readonly startedAt: string;
  readonly took: number;
}

interface Skip {
  readonly candidate: string;
  readonly skipped: string;
}

/**
 * Make a copy of the flagship's run the run of that bisection: what was believed is worked out anew from its trials;
 * the evidence of each is that of a flagship's trial with the same outcome.
 *
 * @param run the copy's folder.
 */
export async function makeBisectRun(run: string): Promise<void> {
  const text = await readFile(recorded, "utf8");
  const { campaign } = readLog(text);
  const { signal } = new AbortController();
  using ledger = await Ledger.open({ settings: { logsDir: join(run, "ledger") }, progress: silent, signal });
  const cells = new Map(campaign.candidates.map(({ name, cell }) => [name, cell]));
  const lines: (Entry | Skip)[] = text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => JSON.parse(line));
  const entries = lines.filter((line) => "outcome" in line);
  for (const line of lines) if ("skipped" in line) ledger.skip(cells.get(line.candidate) ?? "", line.skipped);
  for (const { candidate, ...trial } of entries)
    ledger.addTrial(campaign.repro, { ...trial, cell: cells.get(candidate) ?? "", ranBy: "bisect" });
  const bisect = bisectRecord("02322224", campaign, ledger);
  await changeJson(join(run, "run.json"), (record) => {
    const [bad, good] = record.trials as TrialRecord[];
    const trials = entries.map(({ candidate, outcome, summary, startedAt, took }, index) => ({
      ...(outcome === "reproduced" ? bad : good),
      expected: undefined,
      number: index + 1,
      title: `kernel git:linux@${candidate}, node 20.9.0, workload lstat`,
      ...{ candidate, outcome, summary, startedAt, took },
    }));
    return { ...record, kind: "bisect", bisect, trials };
  });
}
