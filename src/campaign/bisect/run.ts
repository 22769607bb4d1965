import type { Context } from "../../base/context.ts";
import { UsageError } from "../../base/errors.ts";
import { keyOf } from "../../base/store.ts";
import { BuildError } from "../../kernel/build.ts";
import type { Run } from "../../record/run.ts";
import type { FoundRepro } from "../../repro/find.ts";
import { definitionOf } from "../cell-key.ts";
import type { Campaign, Ledger } from "../ledger.ts";
import { type OpenTries, openTries } from "../tries.ts";
import {
  type Asked,
  type BisectOptions,
  type BisectResult,
  type BisectState,
  bisect,
  stateOf,
} from "./bisect.ts";
import type { Candidate } from "./candidates.ts";
import { type Confirmation, confirmAnswer } from "./confirm.ts";
import type { Direction } from "./direction.ts";
import { type SeenRate, seenRate } from "./learned-rate.ts";
import { knownRate, learnedRate, type RatePrior, unknownRate } from "./rates.ts";
import { isSameAsParent } from "./same-kernel.ts";
import { suspicions } from "./suspicion.ts";

export interface RunBisectOptions {
  readonly found: FoundRepro;
  /** The range as the user wrote it. */
  readonly range: string;
  /** The left end first. */
  readonly candidates: readonly Candidate[];
  readonly direction?: Direction | undefined;
  /** Good candidates may show the failure too, only less often. */
  readonly twoSided?: boolean | undefined;
  /** Files, or folders, whose commits are likelier than others to be the one. */
  readonly suspects?: readonly string[] | undefined;
  /** What each candidate's commit changes: for `suspects`. */
  readonly touched?: readonly (readonly string[])[] | undefined;
  readonly confidence: number;
  readonly budget: number;
  /** Reproduction rate of a bad candidate, where the user knows it. */
  readonly rate?: number | undefined;
  /** Trials side by side. */
  readonly jobs?: number | undefined;
  /** What else to show of a candidate, where it is known only after it was tried. */
  readonly details?: (() => Promise<readonly string[]>) | undefined;
  readonly cold?: boolean | undefined;
  /** Take the commit that was found back on the right end, and see whether that undoes it. */
  readonly confirm?: boolean | undefined;
  /** The run that its trials belong to. Default: each is a run of its own. */
  readonly run?: Run | undefined;
  /** Who runs its trials. Default: this host. */
  readonly open?: OpenTries | undefined;
  /** Told after each trial. */
  readonly onTrial?: ((id: string, campaign: Campaign) => void) | undefined;
}

export interface RunBisectResult {
  /** Names this bisection for `bisect log`. */
  readonly id: string;
  readonly campaign: Campaign;
  readonly result: BisectResult;
  readonly confirmation?: Confirmation | undefined;
  /** Whether the kernel of the answer is its parent's, to the bit. */
  readonly sameAsParent?: boolean | undefined;
}

/** Seconds, until the first ones are measured. */
const guess = { build: 240, trial: 60 };

/**
 * Bisect a repro over a range on real machines. Started again, it goes on where it was: all trials are in the
 * ledger.
 *
 * @throws {UsageError} for a range with fewer than two ends.
 */
export async function runBisect(
  options: RunBisectOptions,
  ledger: Ledger,
  context: Context,
): Promise<RunBisectResult> {
  const { found, candidates, direction = "broke", twoSided = false } = options;
  const suspects = [...(options.suspects ?? [])];
  if (candidates.length < 2) throw new UsageError(`the range ${options.range} is empty`);
  // What ends the bisection ends the trials beside it, too.
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const definition = await definitionOf(found);
  const tries = await (options.open ?? openTries)(
    { repro: found.repro, definition, ranBy: "bisect", cold: options.cold, run: options.run },
    ledger,
    { ...context, signal },
  );
  const keys: string[] = [];
  for (const { cell } of candidates) keys.push(await tries.key(cell));
  const keyAt = (index: number): string => keys[index] ?? "";
  const learned =
    options.rate === undefined && !twoSided
      ? seenRate(ledger.trialsOfDefinition(definition), new Set(keys))
      : undefined;
  if (learned) context.progress({ type: "note", text: describeLearned(learned) });
  const question = {
    ...(direction === "broke" ? {} : { direction }),
    ...(twoSided ? { twoSided } : {}),
  };
  const campaign: Campaign = {
    repro: found.repro.id,
    range: options.range,
    confidence: options.confidence,
    ...question,
    ...(options.rate === undefined ? {} : { rate: options.rate }),
    ...(learned === undefined ? {} : { learned }),
    ...(suspects.length === 0 ? {} : { suspects, weights: [...suspicions(options.touched ?? [], suspects)] }),
    candidates: candidates.map(({ name, detail, parents }, index) => ({
      name,
      detail,
      parents: [...parents],
      cell: keyAt(index),
    })),
  };
  const id = keyOf({ range: options.range, keys, ...question }).slice(0, 8);
  ledger.saveCampaign(id, campaign);
  const plan: BisectOptions = {
    candidates,
    direction,
    twoSided,
    prior: priorOf(campaign),
    weights: campaign.weights,
    confidence: options.confidence,
    budget: options.budget,
    jobs: options.jobs,
    seconds: guess,
    onStep: (state, next) => context.progress({ type: "note", text: describeStep(state, next, candidates) }),
  };
  // What failed for reasons of ours deserves another try when the command is started again.
  const skippedNow = new Map<number, string>();
  const result = await bisect(plan, {
    past: (index) => ledger.trialsOf(keyAt(index)),
    skipped: (index) => ledger.skipOf(keyAt(index)) ?? skippedNow.get(index),
    skip: (index, reason, until) => {
      if (until === "always") ledger.skip(keyAt(index), reason);
      else skippedNow.set(index, reason);
      context.progress({ type: "note", text: `${candidates[index]?.name} is passed over: ${reason}` });
    },
    built: (index) => {
      const cell = candidates[index]?.cell;
      return cell !== undefined && tries.isBuilt(cell);
    },
    trial: async (index) => {
      const candidate = candidates[index];
      if (!candidate) throw new RangeError(`there is no candidate ${index}`);
      try {
        const trial = await tries.run(candidate.cell, { candidate: candidate.name });
        options.onTrial?.(id, campaign);
        return trial;
      } catch (error) {
        if (!(error instanceof BuildError)) stop.abort(error);
        throw error;
      }
    },
  });
  const answer = answerOf(result);
  const sameAsParent = answer === undefined ? undefined : await isSameAsParent(candidates, answer, context);
  const commit = answer === undefined ? undefined : commitOf(candidates[answer]);
  const end = candidates.at(-1)?.cell;
  const confirmation =
    options.confirm === true && commit !== undefined && end
      ? await confirmAnswer({ end, commit, rate: result.rate, direction }, tries)
      : undefined;
  const known = { sameAsParent, confirmation };
  const details = await options.details?.();
  if (!details) return { id, campaign, result, ...known };
  const described: Campaign = {
    ...campaign,
    candidates: campaign.candidates.map((candidate, index) => ({
      ...candidate,
      detail: details[index] ?? candidate.detail,
    })),
  };
  ledger.saveCampaign(id, described);
  return { id, campaign: described, result, ...known };
}

/** The candidate that was found, where it is one alone. */
export function answerOf({ conclusion }: Pick<BisectState, "conclusion">): number | undefined {
  if (conclusion.type !== "found") return undefined;
  const [only, ...others] = conclusion.suspects.hypotheses;
  return others.length === 0 ? only : undefined;
}

/** The id of a candidate that is a commit. */
export function commitOf(candidate: Pick<Candidate, "cell"> | undefined): string | undefined {
  return /^git:.*@([0-9a-f]{40})(?![0-9a-f])/s.exec(candidate?.cell.kernel ?? "")?.[1];
}

/** What a bisection of the ledger knows by now, without running anything. */
export function recall(campaign: Campaign, ledger: Ledger): BisectState {
  return stateOf(
    planOf(campaign),
    campaign.candidates.map(({ cell }) => ledger.trialsOf(cell)),
    campaign.candidates.map(({ cell }) => ledger.skipOf(cell) !== undefined),
  );
}

/** A bisection of the ledger as {@link stateOf} takes it. */
export function planOf(campaign: Campaign): Asked {
  const { candidates, direction, twoSided, weights, confidence } = campaign;
  return { candidates, direction, twoSided, weights, prior: priorOf(campaign), confidence };
}

/** What was believed of the reproduction rate when a bisection began. */
export function priorOf({ rate, learned }: Pick<Campaign, "rate" | "learned">): RatePrior {
  if (rate !== undefined) return knownRate(rate);
  return learned === undefined ? unknownRate() : learnedRate(unknownRate(), learned);
}

function describeLearned({ reproduced, clean }: SeenRate): string {
  return `earlier trials of this repro in other bad cells hint at its rate: ${reproduced} of ${reproduced + clean} reproduced; --rate says another`;
}

function describeStep(state: BisectState, next: number, candidates: readonly Candidate[]): string {
  const left = state.suspects.filter(({ probability }) => probability > 0.001);
  const [top] = left;
  const name = candidates[top?.hypotheses[0] ?? 0]?.name ?? "none of them";
  const likely = top ? `; ${name} with ${(100 * top.probability).toFixed(1)} %` : "";
  return `trial ${state.observations.length + 1}: ${candidates[next]?.name}; ${left.length} suspects left${likely}`;
}
