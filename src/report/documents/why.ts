import { z } from "zod";
import { waitFactsSchema } from "../../why/facts.ts";
import { verdictTypes } from "../../why/verdict.ts";

export const why = z.object({
  run: z.string().describe("The run's folder."),
  trial: z.string().describe("The folder of the trial whose machine it is; `why.json` is written there."),
  verdict: z.enum(verdictTypes),
  sentence: z.string(),
  graph: z
    .object({
      nodes: z.array(
        z.object({
          id: z.string(),
          kind: z.enum(["task", "lock", "system"]),
          title: z.string(),
          detail: z.string(),
        }),
      ),
      edges: z.array(z.object({ from: z.string(), to: z.string(), label: z.string() })),
    })
    .describe("Who waits for, or holds, what."),
  facts: waitFactsSchema,
});
