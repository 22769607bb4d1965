import type { Moves } from "../machine/argv.ts";
import type { Outcome } from "../repro/outcome.ts";
import type { TrialResult } from "../repro/trial.ts";
import { type RateInterval, wilsonInterval } from "./matrix/wilson.ts";

/**
 * How many instructions a slice of the guest's scheduler has is halved by each of these: another shift is another
 * race. Below 1 the guest's clock hardly moves; above 4 a guest's time-outs run out before its work is done.
 */
const shifts = [2, 3, 1, 4] as const;

/** How a seed moves the threads of a recorded guest. @example movesOf(7) // { shift: 4, entropy: 7 } */
export function movesOf(seed: number): Moves {
  return { shift: shifts[seed % shifts.length] ?? shifts[0], entropy: seed };
}

/** A seed that was tried. */
export interface TriedSeed {
  readonly seed: number;
  readonly shift: number;
  readonly outcome: Outcome;
  readonly summary: string;
  /** Milliseconds. */
  readonly took: number;
  readonly evidence: string;
}

/** How often seeds fail, of those that could be judged. */
export interface SeedRate extends RateInterval {
  readonly reproduced: number;
  readonly judged: number;
}

/** What a hunt came to. */
export interface Hunted {
  readonly seeds: readonly TriedSeed[];
  /** The trial that failed, with its recording. */
  readonly found: TrialResult | undefined;
  readonly rate: SeedRate;
  readonly byShift: readonly (SeedRate & { readonly shift: number })[];
  /** The first seed that was not tried. */
  readonly next: number;
}

/** As many trials that the host spoils, one after the other, are no accident any more. */
const mostSpoilt = 3;

/**
 * Try one seed after the other until one fails.
 *
 * @param run records one trial.
 */
export async function hunt(
  run: (moves: Moves) => Promise<TrialResult>,
  {
    trials,
    seed: first,
    ended = () => {},
  }: { readonly trials: number; readonly seed: number; readonly ended?: (tried: TriedSeed) => void },
): Promise<Hunted> {
  const seeds: TriedSeed[] = [];
  let found: TrialResult | undefined;
  let spoilt = 0;
  for (let seed = first; seed < first + trials && !found && spoilt < mostSpoilt; seed += 1) {
    const moves = movesOf(seed);
    const trial = await run(moves);
    const { outcome, summary, took, evidence } = trial;
    const tried = { seed, shift: moves.shift, outcome, summary, took, evidence };
    seeds.push(tried);
    ended(tried);
    if (outcome === "reproduced") found = trial;
    spoilt = outcome === "infra-error" ? spoilt + 1 : 0;
  }
  const byShift = [...new Set(seeds.map(({ shift }) => shift))]
    .sort((a, b) => a - b)
    .map((shift) => ({ shift, ...rateOf(seeds.filter((tried) => tried.shift === shift)) }));
  return { seeds, found, rate: rateOf(seeds), byShift, next: first + seeds.length };
}

function rateOf(seeds: readonly TriedSeed[]): SeedRate {
  const count = (wanted: Outcome): number => seeds.filter(({ outcome }) => outcome === wanted).length;
  const reproduced = count("reproduced");
  const judged = reproduced + count("clean");
  return { reproduced, judged, ...wilsonInterval(reproduced, judged) };
}
