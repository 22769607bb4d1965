import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CommandError } from "../base/command.ts";
import { InfraError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import { bisectionSteps } from "./bisection-steps.ts";
import type { Checkout } from "./checkout.ts";

/** What a person waits for, and in what it is measured. */
export interface Quantity {
  readonly what: string;
  readonly unit: "s" | "MB/s" | "MiB" | "trials/h";
  readonly better: "less" | "more";
}

/** What one run of a measurement found, by the names of its quantities; several where it did a thing several times. */
export type Measured = Readonly<Record<string, number | readonly number[]>>;

/** One measurement, which may be of several quantities at once. */
export interface Probe {
  readonly quantities: Readonly<Record<string, Quantity>>;
  /** It takes many minutes: measured once, unless the user says how often. */
  readonly isLong?: true;
  /** It builds the commits of a range, which the user has to name. */
  readonly needsCommits?: true;
  measure(checkout: Checkout, material: Material): Promise<Measured>;
}

/** What measurements work on. */
export interface Material {
  /** For what is made anew each time. */
  readonly dir: string;
  readonly smallLog: string;
  readonly largeLog: string;
  /** Selectors of a range's commits, older ones first; empty where nobody named one. */
  readonly commits: readonly string[];
}

/** Bytes of {@link Material.largeLog}. */
export const largeLog = 200e6;

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
export const probes = {
  start: {
    quantities: {
      help: { what: "dstate --help", unit: "s", better: "less" },
      small: { what: "dstate dmesg of a small file", unit: "s", better: "less" },
    },
    measure: async (checkout, { smallLog }) => ({
      help: await secondsOf(async () => await checkout.dstate(["--help"])),
      small: await secondsOf(async () => await checkout.dstate(["dmesg", smallLog])),
    }),
  },
  log: {
    quantities: { rate: { what: "dstate dmesg of 200 MB", unit: "MB/s", better: "more" } },
    measure: async (checkout, files) => ({
      rate:
        largeLog /
        1e6 /
        (await secondsOf(async () => await checkout.dstate(["dmesg", "--json", files.largeLog]))),
    }),
  },
  machine: {
    quantities: {
      restore: { what: "restore to the first command", unit: "s", better: "less" },
      cold: { what: "cold boot to the first command", unit: "s", better: "less" },
      memory: { what: "a clone's private memory", unit: "MiB", better: "less" },
    },
    measure: async (checkout) => {
      const document = bootDocument.parse(
        parseJson(await checkout.dstate(["bench", "boot", "--runs", "5", "--clones", "2", "--json"])),
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
    measure: async (checkout) => {
      const rates: Record<string, number> = {};
      for (const { name, kernel } of trialCells) {
        const argv = ["bench", "trial", "io-uring-dstate", "--kernel", kernel, "--trials", "4", "--json"];
        const { outcomes, trialsPerHour } = trialDocument.parse(parseJson(await checkout.dstate(argv)));
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
    measure: async (checkout, { dir }) => {
      await using cache = await emptyCache(dir);
      const { path: cacheDir } = cache;
      return {
        build: await secondsOf(
          async () => await checkout.dstate(["kernels", "build", badKernel], { cacheDir }),
        ),
      };
    },
  },
  first: {
    quantities: {
      verdict: { what: "from an empty cache to the first verdict", unit: "s", better: "less" },
      whole: { what: "from an empty cache to both", unit: "s", better: "less" },
    },
    isLong: true,
    measure: async (checkout, { dir }) => {
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
        async () => await checkout.dstate(["check", "io-uring-dstate"], { cacheDir: cache.path, onOutput }),
      );
      if (Number.isNaN(verdict)) throw new InfraError("`dstate check` did not say when a trial had ended");
      return { verdict, whole };
    },
  },
  steps: {
    quantities: {
      first: { what: "a bisection's first commit, built", unit: "s", better: "less" },
      step: { what: "a step of a bisection, built", unit: "s", better: "less" },
    },
    isLong: true,
    needsCommits: true,
    measure: async (checkout, { dir, commits }) => {
      await using cache = await emptyCache(dir);
      const { path: cacheDir } = cache;
      const build = async (selector: string): Promise<number> =>
        await secondsOf(async () => await checkout.dstate(["kernels", "build", selector], { cacheDir }));
      const [newest = "", ...rest] = bisectionSteps(commits);
      const first = await build(newest);
      const step: number[] = [];
      const failures: CommandError[] = [];
      for (const selector of rest) {
        try {
          step.push(await build(selector));
        } catch (error) {
          // Not every commit compiles, and a bisection goes on beside those.
          if (!(error instanceof CommandError)) throw error;
          failures.push(error);
        }
      }
      if (failures[0] && failures.length > step.length) throw failures[0];
      return { first, step };
    },
  },
  tests: {
    quantities: { tests: { what: "npm test, with what is in the cache", unit: "s", better: "less" } },
    isLong: true,
    measure: async (checkout) => ({ tests: await secondsOf(async () => await checkout.test()) }),
  },
} as const satisfies Readonly<Record<string, Probe>>;

/** The names of {@link probes}. */
export const probeNames = Object.keys(probes) as readonly ProbeName[];
export type ProbeName = keyof typeof probes;

/** Whether a measurement builds commits that the user has to name. */
export function needsCommits(name: ProbeName): boolean {
  const probe: Probe = probes[name];
  return probe.needsCommits === true;
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
