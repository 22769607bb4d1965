import { z } from "zod";
import { cell, figures, rate } from "./parts.ts";
import { restores } from "./stock.ts";

export const benchBoot = z.object({
  cell,
  restoreToFirstCommandSeconds: figures,
  coldBootToFirstCommandSeconds: figures,
  virtmeNgSeconds: figures.optional(),
  fastRoundTripMilliseconds: figures,
  sshRoundTripMilliseconds: figures,
  openSshMultiplexedMilliseconds: figures.optional(),
  anonymousBytesPerClone: figures,
  clonesAtOnce: z.int(),
  clonesTogetherBytes: z.int(),
  clonesAllReadySeconds: z.number(),
});

export const benchRestore = restores.extend({ cell });

export const benchTrial = z.object({
  cell,
  jobs: z.int(),
  outcomes: z.record(z.string(), z.int()),
  trialsPerHour: z.number(),
  secondsPerTrial: figures,
});

const cost = z.object({
  trials: z.number().describe("Mean."),
  builds: z.number().describe("Mean."),
  seconds: z.number().describe("Mean."),
  right: rate.describe("Share of runs that named both edges as they are."),
});

const simulated = z.object({
  trials: z.number().describe("Mean."),
  seconds: z.number().describe("Mean."),
  builds: z.number().describe("Mean."),
  right: rate.describe("Share of runs that named the right candidate."),
  timesYardstick: z.number().describe("Mean trials over what theory allows."),
});

export const benchBisect = z.object({
  candidates: z.int(),
  confidence: z.number(),
  seconds: z.object({ build: z.number(), trial: z.number() }),
  runs: z.int(),
  seed: z.int(),
  results: z.array(
    simulated.extend({
      rate: z.number(),
      known: z.boolean(),
      leastTimesYardstick: z.number(),
      gitBisect: z.object({
        repeats: z.int(),
        trials: z.number(),
        seconds: z.number(),
        secondsWithoutEarlyStop: z.number(),
        right: z.number(),
      }),
      trialsToGit: z.number(),
      withCosts: simulated,
      secondsToGit: z.number(),
      leastSecondsToGit: z.number(),
      secondsToGitWithoutEarlyStop: z.number(),
    }),
  ),
  twoSided: z
    .array(
      z.object({
        bad: z.number().describe("Rate of a bad candidate."),
        good: z.number(),
        policy: z.enum(["dstate", "greedy-entropy"]),
        runs: z.int(),
        trials: z.number().describe("Mean."),
        right: rate,
      }),
    )
    .describe("Bisections in which good candidates fail too, and neither rate is known."),
  maps: z
    .array(z.object({ releases: z.int(), rate: z.number(), runs: z.int(), map: cost, bisections: cost }))
    .describe("Maps of lines with two edges, against one bisection for each edge."),
});

export const benchAll = z.object({
  against: z.string().optional().describe("The other checkout."),
  runs: z.int().optional().describe("As asked for; the figures say how many there were."),
  rows: z.array(
    z.object({
      what: z.string(),
      unit: z.enum(["s", "MB/s", "MiB", "trials/h"]),
      better: z.enum(["less", "more"]),
      ours: figures,
      theirs: figures.optional(),
      ratio: z.number().optional().describe("Median over median, ours first."),
    }),
  ),
  failures: z
    .array(z.object({ name: z.string(), checkout: z.string(), message: z.string() }))
    .describe("Measurements that came to no end, and in which checkout: `rows` has nothing of them."),
});

export const benchQueue = z.object({
  kernels: z.int(),
  trialsPerKernel: z.int(),
  buildSeconds: z.number(),
  trialSeconds: z.number(),
  queueMilliseconds: z.number().describe("Of the database, for a trial."),
  measured: z
    .object({
      trials: z.int(),
      workers: z.int(),
      millisecondsPerTrial: z.number(),
      alone: z.object({ ask: z.number(), take: z.number(), settle: z.number() }).describe("Milliseconds."),
    })
    .optional(),
  rows: z.array(
    z.object({
      workers: z.int(),
      seconds: z.number().describe("Of virtual time."),
      trialsPerHour: z.number(),
      leastSeconds: z.number().describe("No schedule takes less."),
      bound: z.enum(["workers", "builds", "database"]),
    }),
  ),
});
