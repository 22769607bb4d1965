import { z } from "zod";
import { imageKinds } from "../../base/settings.ts";

/** Parts that several documents share. What is not said is not there: no field is `null` but where it says so. */

export const texts = z.record(z.string(), z.string());

export const cell = z
  .object({
    kernel: z.string().describe("Selector, as --kernel takes it."),
    node: z.string().optional().describe("Node release, or `image`; missing: none."),
    env: texts.describe("Environment of the workload."),
    image: z.enum(imageKinds),
    axes: texts.describe("Values of the repro's own axes."),
  })
  .meta({ id: "Cell", description: "What a trial runs on." });

export const outcome = z
  .enum(["reproduced", "clean", "inconclusive", "infra-error"])
  .meta({ id: "Outcome", description: "What one trial showed." });

export const problem = z
  .object({
    type: z.string().describe("Its name, such as TypeError."),
    message: z.string(),
    place: z
      .object({ file: z.string(), line: z.int(), column: z.int().optional() })
      .optional()
      .describe("Where in the repro's own code it came from."),
    stack: z.array(z.string()).describe("Calls, the innermost first."),
  })
  .meta({ id: "Problem", description: "An error that ended something." });

const collected = z
  .object({
    what: z.string(),
    file: z.string().optional().describe("In the trial's folder."),
    ms: z.number().describe("Milliseconds that it took."),
    error: z.string().optional().describe("Why there is none, or not all of it."),
    note: z.string().optional().describe("How to open it, for one."),
  })
  .meta({ id: "Collected", description: "Evidence that was collected, or could not be." });

export const trial = z
  .object({
    repro: z.string(),
    cell,
    outcome,
    summary: z.string().describe("What was seen, or what went wrong, in a sentence."),
    columns: texts.describe("What the repro shows of it in tables."),
    observation: z.unknown().optional().describe("What the repro's trial returned: its own affair."),
    versions: texts.describe("Of dstate, QEMU, the kernel, the image, Node, the repro, ..."),
    startedAt: z.string().describe("ISO 8601."),
    took: z.number().describe("Milliseconds."),
    evidence: z.string().describe("The folder."),
    collected: z.array(collected),
    problem: problem.optional(),
    recorded: z
      .object({
        folder: z.string(),
        logBytes: z.int(),
        diskBytes: z.int().describe("What was written to its disks, and the state that it began with."),
      })
      .optional()
      .describe("Its recording, which `dstate replay` runs again."),
    kept: z
      .object({
        folder: z.string(),
        bytes: z.int(),
        took: z.number().describe("Milliseconds that it stood still."),
      })
      .optional()
      .describe("Its machine, which `dstate attach` revives."),
  })
  .meta({ id: "Trial", description: "One trial: what trial.json holds, too." });

/** NaN, which JSON has not, is null. */
export const rate = z.object({
  rate: z.number().nullable().describe("Null: nothing was tried."),
  low: z.number().describe("Lower end of the interval."),
  high: z.number().describe("Upper end of the interval."),
});

export const figures = z
  .object({ n: z.int(), min: z.number(), median: z.number(), max: z.number() })
  .meta({ id: "Figures", description: "Of repeated measurements." });

const place = z.object({
  function: z.string(),
  file: z.string(),
  line: z.int(),
  inlined: z.boolean(),
  link: z.string().optional(),
});

const frame = z
  .object({
    function: z.string(),
    offset: z.int().optional().describe("Bytes into the function."),
    size: z.int().optional().describe("The function's size in bytes."),
    module: z.string().optional(),
    reliable: z.boolean().describe("False: it may be left from an earlier call."),
    instruction: z.literal(true).optional().describe("Where the CPU was, not where a call returns to."),
    file: z.string().optional(),
    places: z.array(place).optional().describe("In the source, innermost first."),
  })
  .meta({ id: "Frame", description: "One entry of a kernel's call chain." });

const occurrence = z.object({
  firstLine: z.int(),
  lastLine: z.int(),
  time: z.number().optional().describe("Seconds since boot."),
  date: z.string().optional().describe("As printed."),
  task: z.string().optional(),
  pid: z.int().optional(),
  cpu: z.int().optional(),
});

export const finding = occurrence
  .extend({
    kind: z.string(),
    title: z.string(),
    guilty: z.string().optional().describe("The function that the title names."),
    frames: z.array(frame).describe("The call chain, innermost first."),
    registers: z.string().optional(),
    taint: z.string().optional(),
    kernel: z.string().optional(),
    detail: texts.optional(),
    follows: z.int().optional().describe("First line of the finding that it is a consequence of."),
  })
  .meta({ id: "Finding", description: "One thing that a kernel said is wrong." });

export const groupedFinding = finding.extend({
  severity: z.string(),
  fingerprint: z.string().describe("The same for every occurrence of the bug."),
  count: z.int(),
  occurrences: z.array(occurrence),
});

export const thread = z.object({
  pid: z.int(),
  tid: z.int(),
  comm: z.string(),
  state: z.string(),
  wchan: z.string(),
  syscall: z.string(),
  stack: z.array(z.object({ function: z.string(), offset: z.string().optional() })),
  cpuTime: z.number().describe("Nanoseconds."),
  switches: z.int(),
  lasting: z.boolean().describe("In one uninterruptible sleep at every recent look."),
});
