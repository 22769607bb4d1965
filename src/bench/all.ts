import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { CommandError, command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import { step } from "../base/progress.ts";
import { timeouts } from "../base/timeouts.ts";
import { writeMadeLog } from "./made-log.ts";
import { type Figures, figuresOf } from "./statistics.ts";

/** What a person waits for, and in what it is measured. */
export interface Quantity {
  readonly what: string;
  readonly unit: "s" | "MB/s" | "MiB" | "trials/h";
  readonly better: "less" | "more";
}

/** A quantity of this dstate, and of another checkout where there is one. */
export interface Comparison extends Quantity {
  readonly ours: Figures;
  readonly theirs?: Figures | undefined;
  /** Median over median, ours first. */
  readonly ratio?: number | undefined;
}

/** Runs a checkout's command line and returns what it printed. */
type Dstate = (argv: readonly string[], how?: HowToRun) => Promise<string>;

interface HowToRun {
  /** In place of the user's. */
  readonly cacheDir?: string;
  /** Told of what it prints, as it does. */
  readonly onOutput?: (text: string) => void;
}

/** One measurement, which may be of several quantities at once. */
interface Probe {
  readonly quantities: Readonly<Record<string, Quantity>>;
  /** It takes many minutes: measured once, unless the user says how often. */
  readonly isLong?: true;
  measure(dstate: Dstate, files: Files): Promise<Readonly<Record<string, number>>>;
}

interface Files {
  /** For what is made anew each time. */
  readonly dir: string;
  readonly smallLog: string;
  readonly largeLog: string;
}

const largeLog = 200e6;

const badKernel = "6.1.115";

/** Cells of the flagship that show its failure and the failure's absence. */
const trialCells = [
  { name: "reproduced", kernel: badKernel },
  { name: "clean", kernel: "6.1.129" },
] as const;

const figures = z.object({ median: z.number() });
const bootDocument = z.object({
  restoreToFirstCommandSeconds: figures,
  coldBootToFirstCommandSeconds: figures,
  anonymousBytesPerClone: figures,
});
const trialDocument = z.object({ trialsPerHour: z.number(), outcomes: z.record(z.string(), z.int()) });

/** Everything that is measured, by the name that `--only` takes. */
const probes = {
  start: {
    quantities: {
      help: { what: "dstate --help", unit: "s", better: "less" },
      small: { what: "dstate dmesg of a small file", unit: "s", better: "less" },
    },
    measure: async (dstate, { smallLog }) => ({
      help: await secondsOf(async () => await dstate(["--help"])),
      small: await secondsOf(async () => await dstate(["dmesg", smallLog])),
    }),
  },
  log: {
    quantities: { rate: { what: "dstate dmesg of 200 MB", unit: "MB/s", better: "more" } },
    measure: async (dstate, files) => ({
      rate: largeLog / 1e6 / (await secondsOf(async () => await dstate(["dmesg", "--json", files.largeLog]))),
    }),
  },
  machine: {
    quantities: {
      restore: { what: "restore to the first command", unit: "s", better: "less" },
      cold: { what: "cold boot to the first command", unit: "s", better: "less" },
      memory: { what: "a clone's private memory", unit: "MiB", better: "less" },
    },
    measure: async (dstate) => {
      const document = bootDocument.parse(
        parseJson(await dstate(["bench", "boot", "--runs", "5", "--clones", "2", "--json"])),
      );
      return {
        restore: document.restoreToFirstCommandSeconds.median,
        cold: document.coldBootToFirstCommandSeconds.median,
        memory: document.anonymousBytesPerClone.median / 2 ** 20,
      };
    },
  },
  trial: {
    quantities: Object.fromEntries(
      trialCells.map(({ name }) => [
        name,
        { what: `${name} trials`, unit: "trials/h", better: "more" } as const,
      ]),
    ),
    measure: async (dstate) => {
      const rates: Record<string, number> = {};
      for (const { name, kernel } of trialCells) {
        const argv = ["bench", "trial", "io-uring-dstate", "--kernel", kernel, "--trials", "4", "--json"];
        const { outcomes, trialsPerHour } = trialDocument.parse(parseJson(await dstate(argv)));
        const odd = Object.keys(outcomes).find((outcome) => outcome !== name);
        if (odd !== undefined)
          throw new InfraError(
            `a trial on ${kernel} was ${odd} and should have been ${name}: its speed says nothing`,
          );
        rates[name] = trialsPerHour;
      }
      return rates;
    },
  },
  build: {
    quantities: { build: { what: "a kernel, fetched, unpacked and built", unit: "s", better: "less" } },
    isLong: true,
    measure: async (dstate, { dir }) => {
      await using cache = await emptyCache(dir);
      const { path: cacheDir } = cache;
      return {
        build: await secondsOf(async () => await dstate(["kernels", "build", badKernel], { cacheDir })),
      };
    },
  },
  first: {
    quantities: {
      verdict: { what: "from an empty cache to the first verdict", unit: "s", better: "less" },
      whole: { what: "from an empty cache to both", unit: "s", better: "less" },
    },
    isLong: true,
    measure: async (dstate, { dir }) => {
      await using cache = await emptyCache(dir);
      const start = performance.now();
      let verdict = Number.NaN;
      let said = "";
      const onOutput = (text: string): void => {
        if (!Number.isNaN(verdict)) return;
        said += text;
        if (/^done: trial: /m.test(said)) verdict = (performance.now() - start) / 1000;
      };
      const whole = await secondsOf(
        async () => await dstate(["check", "io-uring-dstate"], { cacheDir: cache.path, onOutput }),
      );
      if (Number.isNaN(verdict)) throw new InfraError("`dstate check` did not say when a trial had ended");
      return { verdict, whole };
    },
  },
} as const satisfies Readonly<Record<string, Probe>>;

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
}

/**
 * Measure what a person waits for, by running the command line as a person does. With another checkout the two take
 * turns, so that a host that slows down slows both.
 *
 * @throws {UsageError} when `against` is no checkout.
 * @throws {InfraError} when a measurement fails, with whose it was.
 * @example await benchAll({ only: ["start"], runs: 5 }, context)
 */
export async function benchAll(options: BenchAllOptions, context: Context): Promise<Comparison[]> {
  const { against, only } = options;
  const own = context.settings.homeDir;
  if (
    against !== undefined &&
    !(await stat(join(against, "bin/dstate.mjs")).catch(() => undefined))?.isFile()
  )
    throw new UsageError(`${against} is no checkout of dstate: it has no bin/dstate.mjs`, {
      next: "Name a folder made with `git worktree add`, in which `npm ci` was run.",
    });
  const dir = await mkdtemp(join(tmpdir(), "dstate-bench-"));
  await using _removed = {
    [Symbol.asyncDispose]: async () => await rm(dir, { recursive: true, force: true }),
  };
  const files: Files = { dir, smallLog: join(dir, "small.log"), largeLog: join(dir, "large.log") };
  await writeFile(files.smallLog, "[    1.000000] Linux version 6.1.115\n");
  if (only.includes("log"))
    await step(
      context.progress,
      "write a log of 200 MB",
      async () => await writeMadeLog(files.largeLog, largeLog, context),
    );
  const rows: Comparison[] = [];
  for (const name of only) {
    const probe: Probe = probes[name];
    const runs = options.runs ?? (probe.isLong ? 1 : 3);
    const measured = await step(context.progress, `measure: ${name}`, async (running) => {
      const mine: Readonly<Record<string, number>>[] = [];
      const others: Readonly<Record<string, number>>[] = [];
      for (let run = 0; run < runs; run += 1) {
        running.update({ detail: `${run + 1} of ${runs}`, share: run / runs });
        mine.push(await probe.measure(dstateOf(own, context), files));
        if (against !== undefined) others.push(await probe.measure(dstateOf(against, context), files));
      }
      return { mine, others };
    });
    rows.push(...compare(probe.quantities, measured.mine, measured.others));
  }
  return rows;
}

/** Measurements as figures, with the ratio of their medians. */
function compare(
  quantities: Readonly<Record<string, Quantity>>,
  mine: readonly Readonly<Record<string, number>>[],
  others: readonly Readonly<Record<string, number>>[],
): Comparison[] {
  const of = (name: string, runs: readonly Readonly<Record<string, number>>[]): Figures =>
    figuresOf(runs.map((run) => run[name] ?? Number.NaN));
  return Object.entries(quantities).map(([name, quantity]) => {
    const ours = of(name, mine);
    if (others.length === 0) return { ...quantity, ours };
    const theirs = of(name, others);
    return { ...quantity, ours, theirs, ratio: ours.median / theirs.median };
  });
}

function dstateOf(checkout: string, { signal }: Pick<Context, "signal">): Dstate {
  return async (argv, { cacheDir, onOutput } = {}) => {
    const whole = [process.execPath, join(checkout, "bin/dstate.mjs"), ...argv];
    try {
      const run = command(whole, {
        within: timeouts.host.bench,
        signal,
        ending: "orderly",
        // Its runs go beside its cache, and not among the user's.
        ...(cacheDir !== undefined && {
          cwd: dirname(cacheDir),
          env: { DSTATE_CACHE: cacheDir, DSTATE_CACHE_REGISTRY: undefined },
        }),
        ...(onOutput && { onOutput }),
      });
      return (await run).stdout;
    } catch (error) {
      // A log that has findings ends with 1.
      if (error instanceof CommandError && error.code === 1 && argv[0] === "dmesg") return error.stdout;
      throw error;
    }
  };
}

/** A cache that has nothing, removed with all that was put into it. */
async function emptyCache(dir: string): Promise<AsyncDisposable & { readonly path: string }> {
  const made = await mkdtemp(join(dir, "first-"));
  return {
    path: join(made, "cache"),
    [Symbol.asyncDispose]: async () => await rm(made, { recursive: true, force: true }),
  };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
