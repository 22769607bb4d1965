import type { History } from "./history.ts";
import type { Belief } from "./posterior.ts";
import { type Block, coinEntropy } from "./rates.ts";

export interface ChooseOptions {
  /** 0: this test cannot be made, for example because the commit does not build. Default: every test can. */
  readonly testable?: Uint8Array | undefined;
  /** What tests cost. Default: every trial costs the same, and nothing needs building. */
  readonly seconds?: {
    readonly trial: number;
    /** For each test, to build its candidate; 0 for what is built already. */
    readonly build: Float64Array;
  };
}

/** Hypotheses that are more likely than this are told apart from the rest exactly. */
const heavy = 0.1;
/** Sizes of the blocks that are thought through for a candidate that is to be built. */
const blockSizes = [1, 2, 4, 8, 16, 32, 64, 128];

/**
 * The test that tells most for its cost; undefined when none tells anything.
 *
 * What a test tells is the expected gain of the log-odds of the truth (the extrinsic Jensen-Shannon
 * divergence): far from the end that is the mutual information with the place of the switch; near the end,
 * where mutual information cares most about the unlikely ways to be wrong, it cares about confirming the
 * likely answer fast.
 *
 * A candidate that must be built first will see more than one trial. So what is compared is the best block of
 * trials of it, up to the first reproduction, by what the block tells for the cost of all of it.
 *
 * As long as nothing is known of the rate, the bad end comes first: until it reproduced once, no clean trial
 * elsewhere can be weighed.
 *
 * @see https://arxiv.org/abs/1307.0401 (Naghshvar, Javidi, Wigger: extrinsic Jensen-Shannon divergence)
 */
export function chooseTest(belief: Belief, options: ChooseOptions = {}): number | undefined {
  const { history, clean, probability, reproduced, table } = belief;
  const { testable, seconds } = options;
  if (!table.known && reproduced === 0 && testable?.[history.candidates] !== 0) return history.candidates;
  const likely: number[] = [];
  let most = 0;
  for (let hypothesis = belief.first; hypothesis <= belief.last; hypothesis += 1) {
    most = Math.max(most, clean[hypothesis] ?? 0);
    if (!table.known && (probability[hypothesis] ?? 0) > heavy) likely.push(hypothesis);
  }
  // In a row, a test right of every hypothesis that is left tells no more than the last one.
  const first = history.linear ? belief.first : 0;
  const last = history.linear ? Math.min(belief.last, history.candidates) : history.candidates;
  let best: number | undefined;
  let highest = 1e-12;
  let before = 0;
  for (const size of blockSizes) {
    const block = table.block(reproduced, most, size);
    const rivals = likely.map((hypothesis) => ({
      hypothesis,
      p: probability[hypothesis] ?? 0,
      shows: block.shows[clean[hypothesis] ?? 0] ?? 0,
    }));
    let sums = noSums();
    let toBuild = 0;
    for (let test = first; test <= last; test += 1) {
      const build = seconds?.build[test] ?? 0;
      if (history.linear) add(belief, block, test, sums);
      if (testable?.[test] === 0 || (size > 1 && build === 0)) continue;
      if (!history.linear) {
        sums = noSums();
        for (const hypothesis of history.covered(test)) add(belief, block, hypothesis, sums);
      }
      const trials = sums.trials + (1 - sums.bad) * size;
      const gain = gainOf(history, test, sums, rivals) / (build + trials * (seconds?.trial ?? 1));
      if (build > 0) toBuild = Math.max(toBuild, gain);
      if (gain > highest) {
        highest = gain;
        best = test;
      }
    }
    // Nothing is to be built, or longer blocks are worth less and less.
    if (toBuild <= before) break;
    before = toBuild;
  }
  return best;
}

/** Sums over the hypotheses under which a test is bad, each by its probability. */
interface Sums {
  bad: number;
  /** Probability that the block shows the failure. */
  shows: number;
  /** Bits of its outcome that are noise, were the place told. */
  noise: number;
  trials: number;
}

function noSums(): Sums {
  return { bad: 0, shows: 0, noise: 0, trials: 0 };
}

function add(belief: Belief, block: Block, hypothesis: number, sums: Sums): void {
  const p = belief.probability[hypothesis] ?? 0;
  if (p === 0) return;
  const clean = belief.clean[hypothesis] ?? 0;
  sums.bad += p;
  sums.shows += p * (block.shows[clean] ?? 0);
  sums.noise += p * (block.entropy[clean] ?? 0);
  sums.trials += p * (block.trials[clean] ?? 0);
}

/** A likely hypothesis, and the probability that a block at a point that is bad under it shows the failure. */
interface Rival {
  readonly hypothesis: number;
  readonly p: number;
  readonly shows: number;
}

function gainOf(history: History, test: number, sums: Sums, rivals: readonly Rival[]): number {
  const whole = Math.min(sums.shows, 1);
  let gain = coinEntropy(whole) - sums.noise;
  for (const { hypothesis, p, shows } of rivals) {
    if (p >= 1) continue;
    const own = history.covers(test, hypothesis) ? shows : 0;
    const others = Math.min(Math.max((whole - p * own) / (1 - p), 0), 1);
    // D(own || others) - D(own || whole), and no more than 30 bits where `others` excludes what `own` allows.
    if (own > 0) gain += p * own * Math.log2(whole / Math.max(others, 1e-9));
    if (own < 1) gain += p * (1 - own) * Math.log2(Math.max(1 - whole, 1e-300) / Math.max(1 - others, 1e-9));
  }
  return gain;
}
