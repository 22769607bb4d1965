import { z } from "zod";
import { cell, finding, outcome, rate, thread, trial } from "./parts.ts";

const exitCode = z.int().describe("What the command ended with.");

export const run = z.object({ repro: z.string(), cell, outcome, exitCode, trials: z.array(trial) });

export const check = z.object({
  repro: z.string(),
  asExpected: z.boolean(),
  exitCode,
  trials: z.array(trial.extend({ expected: outcome })),
});

const matrixCell = z.object({
  cell,
  tally: z.object({
    reproduced: z.int(),
    clean: z.int(),
    inconclusive: z.int(),
    "infra-error": z.int(),
  }),
  verdict: rate.extend({
    type: z.enum(["fails-always", "fails-sometimes", "fails", "not-seen", "inconclusive", "infra-error"]),
    judged: z.int().describe("Trials that said something."),
    interval: z.enum(["wilson", "anytime"]),
  }),
  open: z.boolean().describe("More trials could change the verdict."),
  trials: z.array(z.object({ outcome, summary: z.string(), evidence: z.string(), earlier: z.boolean() })),
  problem: z.string().optional().describe("Why it could not be tried."),
});

export const matrix = z.object({
  repro: z.string(),
  trials: z.int().describe("Asked for in each cell."),
  confidence: z.number().describe("Of the intervals."),
  full: z.boolean(),
  jobs: z.int().describe("Machines side by side."),
  exitCode,
  cells: z.array(matrixCell),
});

export const merge = z.object({
  run: z.string().describe("The joined run's folder."),
  page: z.string().describe("Its page."),
  exitCode,
  runs: z.int().describe("That were joined."),
  trials: z.int().describe("Each counted once."),
  doubles: z.int().describe("Copies of trials that were in several of the folders."),
  shards: z
    .object({
      of: z.int(),
      missing: z.array(z.int()),
      unfinished: z.array(z.int()).describe("Ran to no end: what they have is joined, and is not all."),
      cellsMissing: z.int().describe("Cells that no shard told of."),
    })
    .optional()
    .describe("Missing: the runs are no shards."),
  ledger: z.object({ added: z.int(), known: z.int() }).describe("Trials that are new here, and were here."),
  cells: z.array(matrixCell).optional().describe("Missing: the runs are no matrices."),
});

const suspects = z.object({
  hypotheses: z.array(z.int()).describe("Numbers of candidates that cannot be told apart."),
  probability: z.number(),
});

export const bisect = z.object({
  id: z.string().optional().describe("For `dstate bisect log`; missing: it was read from a file."),
  repro: z.string(),
  range: z.string(),
  direction: z
    .enum(["broke", "mended"])
    .describe("`broke`: what brought the failure was asked, the left end is good; `mended`: it is bad."),
  conclusion: z.union([
    z.object({ type: z.literal("found"), suspects }),
    z.object({
      type: z.enum(["good-is-bad", "ends-agree", "several-switches"]),
      probability: z.number(),
    }),
    z.object({ type: z.literal("open") }),
  ]),
  sentence: z.string(),
  rate: z.number().describe("At which a bad candidate is believed to reproduce."),
  goodRate: z.number().optional().describe("With --two-sided: at which a good one does."),
  trials: z.int(),
  newTrials: z.int().optional().describe("Of this run."),
  upstream: z
    .object({
      commit: z.string().describe("Mainline's."),
      fixes: z.array(z.string()).describe("Commits that it says it mends."),
      releases: z
        .array(z.string())
        .describe("The first one of each line that has it, by the tags of the trees."),
      trees: z.array(z.string()),
    })
    .optional()
    .describe("What the commit that was found is a copy of."),
  confirmation: z
    .union([
      z.object({ type: z.enum(["confirmed", "refuted"]), trials: z.int() }),
      z.object({ type: z.literal("open"), trials: z.int(), why: z.string() }),
    ])
    .optional()
    .describe("With --confirm: what became of the right end with the commit that was found taken back."),
  sameAsParent: z
    .boolean()
    .optional()
    .describe("Whether the kernel of what was found is its parent's, to the bit; missing: not known."),
  others: z
    .array(
      z.object({
        title: z.string(),
        trials: z.int(),
        candidates: z.array(z.string()),
        evidence: z.string().describe("The folder of one of them."),
      }),
    )
    .optional()
    .describe("Other failures in trials that could not be judged: they count for nothing."),
  candidates: z.array(
    z.object({
      name: z.string(),
      detail: z.string(),
      probability: z.number().describe("That it is the first bad one, or with `mended` the first good one."),
      reproduced: z.int(),
      clean: z.int(),
      skipped: z.boolean(),
    }),
  ),
});

const end = z.union([
  z.object({ type: z.literal("exited"), exitCode: z.int() }),
  z.object({ type: z.literal("signalled"), signal: z.string() }),
  z.object({
    type: z.literal("out-of-memory"),
    exitCode: z.int().nullable(),
    signal: z.string().nullable(),
  }),
  z.object({
    type: z.enum(["stuck", "late"]),
    afterKill: z.object({
      state: z.enum(["reaped", "zombie", "D", "running", "unknown"]),
      threads: z.array(thread),
    }),
  }),
  z.object({ type: z.enum(["crashed", "machine-ended"]), reason: z.string() }),
]);
const judgement = z.enum(["green", "red", "infra-error"]);

export const exec = z.object({
  outcome: judgement,
  exitCode,
  argv: z.array(z.string()),
  cells: z.array(
    z.object({
      kernel: z.string(),
      version: z.string().optional().describe("What `uname -r` says."),
      outcome: judgement,
      end: end.optional().describe("How the command ended."),
      failure: z.string().optional().describe("What failed on our side."),
      took: z.number().describe("Milliseconds."),
      findings: z.array(finding),
      powerOff: z.string().optional(),
      taken: z.array(z.string()).describe("Results that were brought back."),
      evidence: z.string().describe("The folder."),
    }),
  ),
});

export const show = z.object({
  run: z.string().describe("The run's folder."),
  page: z.string().optional().describe("The file that was written."),
  bytes: z.int().optional(),
  trials: z.int().optional(),
  text: z.string().optional().describe("With --for: the text of the report."),
});

/** A command that was run in a machine, and what came of it. */
const ran = z.object({
  argv: z.array(z.string()),
  stdout: z.string(),
  stderr: z.string(),
  exitCode: z.int().nullable().describe("null when a signal ended it."),
  signal: z.string().nullable(),
  truncated: z.boolean().describe("Whether it printed more than was kept."),
});

export const attach = ran;

export const shell = ran.extend({
  cell,
  start: z.enum(["warm", "cold"]).describe("Whether the machine went on from a frozen one, or booted."),
  evidence: z.string().describe("The folder with the console's log."),
});

const seedRate = rate.extend({
  reproduced: z.int(),
  judged: z.int().describe("Trials that said something."),
});

export const hunt = z.object({
  repro: z.string(),
  cell,
  exitCode,
  seeds: z.array(
    z.object({
      seed: z.int(),
      shift: z.int().describe("An instruction took 2 to the power of this, in ns of the guest's clock."),
      outcome,
      summary: z.string(),
      took: z.number().describe("Milliseconds."),
      evidence: z.string().describe("The folder."),
    }),
  ),
  found: trial.optional().describe("The trial that failed, with its recording."),
  rate: seedRate,
  byShift: z.array(seedRate.extend({ shift: z.int() })),
  next: z.int().describe("The first seed that was not tried."),
});

export const replay = z.object({
  run: z.string().describe("The run's folder."),
  trial: z.string().describe("The folder of the trial that was recorded."),
  console: z.string().describe("What the replayed machine's console said."),
  took: z.number().describe("Milliseconds."),
  same: z
    .boolean()
    .describe(
      "Whether the console is the recorded one, bit by bit; of a replay that stopped, its beginning.",
    ),
  stopped: z
    .object({
      instruction: z.int().describe("How many the machine has done: the same number is the same moment."),
      seconds: z.number().optional().describe("Of the guest's time since its boot."),
      line: z.string().optional().describe("Of the console, at which it stopped a moment later."),
      function: z.string().optional().describe("Before which it stopped."),
    })
    .optional()
    .describe("Where it stopped, if it came to what `--until` names."),
  bytes: z.int().describe("Of the console."),
  findings: z.array(z.string()).describe("What the kernel log shows."),
});

export const pack = z.object({
  file: z.string(),
  id: z.string().describe("sha256 of the manifest, which holds the hashes of all files."),
  bytes: z.int(),
  omitted: z.array(z.object({ path: z.string(), bytes: z.int() })).describe("What was too large."),
  signature: z.string().optional().describe("The file with the signature."),
  publicKey: z.string().optional().describe("As `--trust` and minisign's -P take it."),
  registry: z
    .object({
      reference: z.string().describe("By name, as `dstate rerun` takes it."),
      pinned: z.string().describe("By content."),
      known: z.boolean().describe("Whether it was there already."),
    })
    .optional(),
  kept: z
    .object({ reference: z.string(), pinned: z.string() })
    .optional()
    .describe("With --kept: where its machine is, as `dstate attach` takes it."),
});

export const rerun = z.object({
  pack: z.string().describe("The pack's id."),
  outcome: trial.shape.outcome,
  exitCode: z.int(),
  same: z.boolean().describe("Whether the outcome is the packed one."),
  differences: z.array(z.object({ what: z.string(), before: z.string(), now: z.string() })),
  trials: z.array(trial),
});
