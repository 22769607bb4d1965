import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { commitCandidates } from "../campaign/bisect/candidates.ts";
import type { GitRange } from "../campaign/bisect/range.ts";
import { chooseCell } from "../lab/cell.ts";
import { Checkout } from "./checkout.ts";
import { writeMadeLog } from "./made-log.ts";
import { largeLog, type Measured, type Probe, probes, type Quantity } from "./probes.ts";
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

/** The names of {@link probes}. */
export const probeNames = Object.keys(probes) as readonly ProbeName[];
export type ProbeName = keyof typeof probes;

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
  const { progress, signal } = context;
  const lacking = only.find((name) => needsCommits(name) && options.commits === undefined);
  if (lacking !== undefined)
    throw new UsageError(`\`${lacking}\` builds commits, and none are named`, {
      next: "Name them: --commits git:TREE@A..B, such as git:$HOME/src/linux@v6.1.114..v6.1.115.",
    });
  const checkouts = [context.settings.homeDir, ...(against === undefined ? [] : [against])];
  if (
    against !== undefined &&
    !(await stat(join(against, "bin/dstate.mjs")).catch(() => undefined))?.isFile()
  )
    throw new UsageError(`${against} is no checkout of dstate: it has no bin/dstate.mjs`, {
      next: "Name a folder made with `git worktree add`, in which `npm ci` was run.",
    });
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
      progress,
      "write a log of 200 MB",
      async () => await writeMadeLog(material.largeLog, largeLog, { signal }),
    );
  const rows: Comparison[] = [];
  const failures: Failure[] = [];
  for (const name of only) {
    const probe: Probe = probes[name];
    const runs = options.runs ?? (probe.isLong ? 1 : 3);
    await step(progress, `measure: ${name}`, async (running) => {
      const turns = checkouts.map((checkout) => ({ checkout, measured: [] as Measured[] }));
      for (let run = 0; run < runs; run += 1) {
        for (const { checkout, measured } of turns) {
          if (failures.some((failed) => failed.name === name && failed.checkout === checkout)) continue;
          running.update({ detail: `${run + 1} of ${runs}, ${checkout}`, share: run / runs });
          try {
            measured.push(await probe.measure(new Checkout(checkout, context), material));
          } catch (error) {
            signal.throwIfAborted();
            failures.push({ name, checkout, message: messageOf(error) });
          }
        }
      }
      const [ours = [], theirs = []] = turns.map(({ measured }) => measured);
      const found =
        ours.length < runs ? [] : compare(probe.quantities, ours, theirs.length < runs ? [] : theirs);
      rows.push(...found);
      running.conclude(
        found.map(({ what, ours: { median }, unit }) => `${what} ${median.toFixed(2)} ${unit}`).join(", "),
      );
    });
  }
  return { rows, failures };
}

/** Whether a measurement builds commits that the user has to name. */
export function needsCommits(name: ProbeName): boolean {
  const probe: Probe = probes[name];
  return probe.needsCommits === true;
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
  theirs: readonly Measured[],
): Comparison[] {
  return Object.entries(quantities).map(([name, quantity]) => {
    const of = (runs: readonly Measured[]): Figures => figuresOf(runs.flatMap((run) => run[name] ?? []));
    const mine = of(ours);
    if (theirs.length === 0) return { ...quantity, ours: mine };
    const others = of(theirs);
    return { ...quantity, ours: mine, theirs: others, ratio: mine.median / others.median };
  });
}
