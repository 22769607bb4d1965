import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseJson } from "../../base/parse-json.ts";
import { oneLine } from "../../base/text.ts";
import type { Campaign, Ledger } from "../ledger.ts";

/** Trials that ended in another failure than the one that is bisected: evidence of another bug, and of nothing else. */
export interface OtherFailure {
  /** What the kernel said. */
  readonly title: string;
  readonly trials: number;
  /** Names of the candidates that showed it. */
  readonly candidates: readonly string[];
  /** The folder of one of them. */
  readonly evidence: string;
}

const findingsSchema = z.array(z.object({ title: z.string() }));

/**
 * Other failures in the trials of a bisection that could not be judged: what the kernel's log of each says first, by its
 * title, the most frequent first. A trial whose evidence is gone is passed over.
 */
export async function otherFailures(campaign: Campaign, ledger: Ledger): Promise<OtherFailure[]> {
  const found = new Map<string, { trials: number; candidates: Set<string>; evidence: string }>();
  for (const { name, cell } of campaign.candidates) {
    for (const { outcome, evidence } of ledger.trialsOf(cell)) {
      if (outcome !== "inconclusive") continue;
      const title = await firstFinding(evidence);
      if (title === undefined) continue;
      const known = found.get(title) ?? { trials: 0, candidates: new Set(), evidence };
      known.trials += 1;
      known.candidates.add(name);
      found.set(title, known);
    }
  }
  return [...found]
    .map(([title, { trials, candidates, evidence }]) => ({
      title,
      trials,
      candidates: [...candidates],
      evidence,
    }))
    .sort((a, b) => b.trials - a.trials);
}

async function firstFinding(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, "findings.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const findings = findingsSchema.safeParse(parseJson(text));
  const [first] = findings.success ? findings.data : [];
  return first && oneLine(first.title);
}
