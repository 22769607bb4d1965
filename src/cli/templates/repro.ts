/** Where a new repro imports dstate from: `dstate`, or the relative path of a checkout's `src`. */
export interface TemplateOptions {
  readonly library: string;
  /** The folder says itself that its files are ES modules, because what is around it does not. */
  readonly ownScope: boolean;
}

/**
 * The files of a new repro, by their path in its folder. It runs as it is: its workload shows a made-up failure in
 * the bad cell and none in the control.
 *
 * @example reproTemplate("my-report", { library: "dstate", ownScope: false })["repro.ts"]
 */
export function reproTemplate(id: string, { library, ownScope }: TemplateOptions): Record<string, string> {
  const from = library === "dstate" ? "dstate" : `${library}/index.ts`;
  const vitest = library === "dstate" ? "dstate/vitest" : `${library}/vitest/index.ts`;
  return {
    ...(ownScope ? { "package.json": '{\n  "private": true,\n  "type": "module"\n}\n' } : {}),
    "repro.ts": `import { defineRepro } from "${from}";
import { observe } from "./trial.ts";

export default defineRepro({
  id: "${id}",
  title: "what fails, in one line",
  upstream: ["https://example.org/the/report"],
  axes: {
    // The first value of each axis is the default. \`dstate kernels list\` shows what is at hand.
    kernel: ["6.1.129", "deb:6.1"],
    node: ["20.9.0"],
    own: { mode: ["bad", "good"] },
  },
  cells: {
    bad: [{ axes: { mode: "bad" } }],
    control: [{ axes: { mode: "good" } }],
  },
  // The guest finds these files in /srv/work.
  workload: new URL("./workload/", import.meta.url),
  deadline: "2m",
  trial: observe,
  // What a reproduction must show to count: this failure, not just any.
  signature: ({ exitCode, cause }) => exitCode === 3 && cause.kind === "made-up",
  // What a clean trial must show: that the workload really ran to its end.
  healthy: ({ exitCode, finished }) => exitCode === 0 && finished,
  summary: ({ exitCode, cause }) => \`exit code \${exitCode}; cause: \${cause.kind}\`,
  columns: ({ exitCode, cause }) => ({ "exit code": \`\${exitCode}\`, cause: cause.evidence.join("\\n") }),
});
`,
    "trial.ts": `import type { TrialContext } from "${from}";

/** What a trial saw: plain data, saved as evidence. */
export interface Observation {
  readonly exitCode: number | null;
  readonly finished: boolean;
  /** Why it failed, and the lines that say so. */
  readonly cause: { readonly kind: "made-up" | "none"; readonly evidence: readonly string[] };
}

/** The report's steps, in a machine of their own. */
export async function observe({
  vm,
  cell,
  workload,
  signal,
  evidence,
  say,
}: TrialContext): Promise<Observation> {
  say("running the workload");
  const { mode = "bad" } = cell.axes;
  const run = await vm.guest.exec(["node", "workload.mjs", mode], {
    cwd: workload,
    env: cell.env,
    within: "60s",
    signal,
    allowFailure: true,
  });
  await evidence.saveText("stdout.txt", run.stdout);
  await evidence.saveText("stderr.txt", run.stderr);
  const lines = run.stderr.split("\\n").filter((line) => line.includes("made-up failure"));
  return {
    exitCode: run.exitCode,
    finished: run.stdout.includes("finished"),
    cause: { kind: lines.length > 0 ? "made-up" : "none", evidence: lines },
  };
}
`,
    "workload/workload.mjs": `// Replace this with the smallest program that shows the report's failure.
if (process.argv[2] === "bad") {
  console.error("made-up failure of this template");
  process.exitCode = 3;
} else console.log("finished");
`,
    [`${id}.test.ts`]: `import { expect, test } from "vitest";
import { trialIn } from "${vitest}";
import repro from "./repro.ts";

const options = { timeout: 600_000 };

test.for(repro.cells.bad)("the report's failure shows in the cell %j", options, async (cell, { signal }) => {
  const trial = await trialIn(repro, cell, { signal });
  expect(trial.outcome, trial.summary).toBe("reproduced");
});

test.for(repro.cells.control)("nothing of it shows in the cell %j", options, async (cell, { signal }) => {
  const trial = await trialIn(repro, cell, { signal });
  expect(trial.outcome, trial.summary).toBe("clean");
});
`,
    "README.md": `# ${id}

**Upstream:** https://example.org/the/report

## What was reported

## What we saw

| cell | old kernel | stable kernel | newest kernel |
|---|---|---|---|

## Why

## What fixes it
`,
  };
}
