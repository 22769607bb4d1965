import { z } from "zod";
import { cell, outcome, rate } from "./parts.ts";

const state = z.enum(["bad", "good", "unknown"]);
const counts = { reproduced: z.int(), clean: z.int() };

/** What `dstate map --json` prints. */
export const mapDocument = z.object({
  repro: z.string(),
  confidence: z.number().describe("How certain each release has to be."),
  leastRate: z
    .number()
    .describe("A bad release is taken to show the bug in this share of its trials, at the least."),
  newTrials: z.int().describe("Of this run."),
  stopped: z.enum(["done", "budget", "nothing-left"]),
  exitCode: z.int().describe("What the command ended with."),
  lines: z.array(
    z.object({
      name: z.string().describe("As it was asked for."),
      series: z.string().describe("Upstream's line, such as 6.1."),
      builds: z.int().describe("Kernels that were built for it by this run."),
      settled: z.boolean().describe("Whether every release that can be tried is known to be bad or good."),
      whole: z
        .number()
        .optional()
        .describe(
          "How likely it is that all of it is so, and nothing shorter hides in it; missing: some is not known.",
        ),
      intervals: z.array(
        z.object({
          first: z.string(),
          last: z.string(),
          state,
          tried: z.int().describe("Releases in it that were tried and judged."),
          ...counts,
          rate: rate.describe("Of a trial in it."),
        }),
      ),
      badRanges: z.array(
        z.object({
          first: z.string().describe("Known to be bad."),
          last: z.string(),
          from: z
            .string()
            .optional()
            .describe("The first that may be bad; missing: nothing older was at hand."),
          to: z.string().optional().describe("The last that may be bad; missing: nothing newer was at hand."),
        }),
      ),
      releases: z.array(
        z.object({
          version: z.string(),
          cell,
          state,
          probability: z.number().describe("That it has the bug."),
          ...counts,
          trials: z.array(
            z.object({ outcome, summary: z.string(), evidence: z.string(), earlier: z.boolean() }),
          ),
          problem: z.string().optional().describe("Why it cannot be tried."),
        }),
      ),
    }),
  ),
  gates: z.object({
    c: z.string().describe("As libuv writes it, for uv__kernel_version()."),
    node: z.string().describe("For os.release()."),
    shell: z.string().describe("For uname, in POSIX shell."),
  }),
});
