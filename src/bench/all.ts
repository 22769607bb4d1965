import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { type Step, step } from "../base/progress.ts";
import { sanitize } from "../base/text.ts";
import { commitCandidates } from "../campaign/bisect/candidates.ts";
import type { GitRange } from "../campaign/bisect/range.ts";
import { chooseCell } from "../lab/cell.ts";
import { Checkout } from "./checkout.ts";
import { writeMadeLog } from "./made-log.ts";
import {
  largeLog,
  type Material,
  type Measured,
  needsCommits,
  type Probe,
  type ProbeName,
  probes,
  type Quantity,
} from "./probes.ts";
import { type Figures, figuresOf } from "./statistics.ts";

/** A quantity of this dstate, and of another checkout where there is one. */
export interface Comparison extends Quantity {
  readonly ours: Figures;
  readonly theirs?: Figures | undefined;
  /** Median over median, ours first. */
  readonly ratio?: number | undefined;
}

/** What was measured, and what could not be. */
export interface Benches {
  readonly rows: readonly Comparison[];
  readonly failures: readonly Failure[];
}

/** A measurement that came to no end: nothing is said about how fast that is. */
export interface Failure {
  readonly name: ProbeName;
  /** The checkout that failed. */
  readonly checkout: string;
  readonly message: string;
}

/** What is measured, and against what. */
export interface BenchAllOptions {
  readonly only: readonly ProbeName[];
  /**
   * How often each is measured; in pairs, where there is another checkout. Default: three times, and once what takes
   * many minutes.
   */
  readonly runs?: number | undefined;
  /** Another checkout of dstate, with what `npm ci` installs in it. */
  readonly against?: string | undefined;
  /** The commits that `steps` builds. */
  readonly commits?: GitRange | undefined;
}

/**
 * Measure what a person waits for, by running the command line as a person does. With another checkout the two take
 * turns, so that a host that slows down slows both. A measurement that fails is told beside the others: each may have
 * taken an hour.
 *
 * @throws {UsageError} when `against` is no checkout, the range of commits is none, or `only` wants one and there is none.
 * @example const { rows } = await benchAll({ only: ["start"], runs: 5 }, context)
 */
export async function benchAll(options: BenchAllOptions, context: Context): Promise<Benches> {
  const { against, only } = options;
  const lacking = only.find((name) => needsCommits(name) && options.commits === undefined);
  if (lacking !== undefined)
    throw new UsageError(`\`${lacking}\` builds commits, and none are named`, {
      next: "Name them: --commits git:TREE@A..B, such as git:$HOME/src/linux@v6.1.114..v6.1.115.",
    });
  if (against !== undefined) await checkCheckout(against);
  const commits =
    options.commits && only.some(needsCommits) ? await selectorsOf(options.commits, context) : [];
  const dir = await mkdtemp(join(tmpdir(), "dstate-bench-"));
  await using _removed = {
    [Symbol.asyncDispose]: async () => await rm(dir, { recursive: true, force: true }),
  };
  const material = { dir, smallLog: join(dir, "small.log"), largeLog: join(dir, "large.log"), commits };
  await writeFile(material.smallLog, "[    1.000000] Linux version 6.1.115\n");
  if (only.includes("log"))
    await step(
      context.progress,
      "write a log of 200 MB",
      async () => await writeMadeLog(material.largeLog, largeLog, context),
    );
  const rows: Comparison[] = [];
  const failures: Failure[] = [];
  for (const name of only) {
    await step(context.progress, `measure: ${name}`, async (running) => {
      const measured = await measure(name, { ...options, material, running }, context);
      rows.push(...measured.rows);
      failures.push(...measured.failures);
      running.conclude(sentence(measured));
    });
  }
  return { rows, failures };
}

/** The runs of one measurement, in turns with the other checkout's. Who failed once is not asked again. */
async function measure(
  name: ProbeName,
  {
    against,
    material,
    running,
    ...options
  }: BenchAllOptions & { readonly material: Material; readonly running: Step },
  context: Context,
): Promise<Benches> {
  const probe: Probe = probes[name];
  const runs = options.runs ?? (probe.isLong ? 1 : 3);
  const failures: Failure[] = [];
  const turns = [
    { who: "this dstate", dir: context.settings.homeDir, measured: [] as Measured[] },
    ...(against === undefined ? [] : [{ who: "the other", dir: against, measured: [] as Measured[] }]),
  ];
  for (let run = 0; run < runs; run += 1) {
    for (const [turn, { who, dir, measured }] of turns.entries()) {
      if (failures.some(({ checkout }) => checkout === dir)) continue;
      const share = (run * turns.length + turn) / (runs * turns.length);
      running.update({ detail: `${run + 1} of ${runs}, ${who}`, share });
      try {
        measured.push(await probe.measure(new Checkout(dir, context), material));
      } catch (error) {
        context.signal.throwIfAborted();
        failures.push({ name, checkout: dir, message: sanitize(messageOf(error), { maxLength: 4000 }) });
      }
    }
  }
  const [ours, theirs] = turns.map(({ measured }) => (measured.length === runs ? measured : undefined));
  return { rows: ours ? compare(probe.quantities, ours, theirs) : [], failures };
}

/** What came of one measurement, for who watches. */
function sentence({ rows, failures }: Benches): string {
  return [
    ...rows.map(({ what, ours, unit, ratio }) => {
      const beside = ratio === undefined ? "" : ` (${ratio.toFixed(2)} of the other)`;
      return `${what} ${ours.median.toFixed(2)} ${unit}${beside}`;
    }),
    ...failures.map(({ checkout }) => `not measured in ${checkout}`),
  ].join(", ");
}

async function checkCheckout(dir: string): Promise<void> {
  const found = await stat(join(dir, "bin/dstate.mjs")).catch(() => undefined);
  if (!found?.isFile())
    throw new UsageError(`${dir} is no checkout of dstate: it has no bin/dstate.mjs`, {
      next: "Name a folder made with `git worktree add`, in which `npm ci` was run.",
    });
}

async function selectorsOf({ tree, ends }: GitRange, context: Context): Promise<string[]> {
  const [, ...commits] = await commitCandidates(
    tree,
    ends,
    chooseCell({ kernel: [ends.right] }, {}),
    context,
  );
  if (commits.length < 2)
    throw new UsageError(`${ends.left}..${ends.right} is one commit, and a bisection of it has no steps`, {
      next: "Name a longer range.",
    });
  return commits.map((commit) => commit.cell.kernel);
}

/** Measurements as figures, with the ratio of their medians. */
function compare(
  quantities: Readonly<Record<string, Quantity>>,
  ours: readonly Measured[],
  theirs: readonly Measured[] | undefined,
): Comparison[] {
  return Object.entries(quantities).map(([name, quantity]) => {
    const of = (runs: readonly Measured[]): Figures => figuresOf(runs.flatMap((run) => run[name] ?? []));
    const mine = of(ours);
    if (!theirs) return { ...quantity, ours: mine };
    const others = of(theirs);
    return { ...quantity, ours: mine, theirs: others, ratio: mine.median / others.median };
  });
}
