import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Context } from "../../base/context.ts";
import { imageKinds } from "../../base/settings.ts";
import { oneLine, sanitize } from "../../base/text.ts";
import { deviationsFor, wilsonInterval } from "../../campaign/matrix/wilson.ts";
import type { StoredRun } from "../../record/read-run.ts";
import type { PartsRecord, RunRecord, TrialRecord } from "../../record/run-record.ts";
import { parseTimeline, type TimelineEvent } from "../../record/timeline.ts";
import { findingsIn } from "../page/collect.ts";
import type { PageFinding } from "../page/data.ts";

/** More of a program or a trace than this is no reading matter. */
const most = { traces: 3, programLines: 60 };

/** How often a cell showed the failure. */
export interface CellRate {
  readonly title: string;
  /** What is another than in the cell that failed, such as `kernel 6.1.129 instead of 6.1.115`. */
  readonly change: string;
  readonly bad: number;
  readonly good: number;
  /** Trials that say nothing. */
  readonly undecided: number;
  /** Of the true rate, at 95 %. */
  readonly low: number;
  readonly high: number;
}

/** Everything that a report to upstream may say; what was not run is not in it. */
export interface UpstreamFacts {
  readonly title: string;
  readonly upstream: readonly string[];
  /** What one trial showed. */
  readonly summary: string;
  readonly trial: TrialRecord;
  readonly parts: PartsRecord | undefined;
  readonly rates: readonly CellRate[];
  /** What was done, one step a line. */
  readonly steps: readonly string[];
  readonly findings: readonly PageFinding[];
  /** A trace of each bug, as printed or with source lines. */
  readonly traces: readonly { readonly decoded: boolean; readonly lines: readonly string[] }[];
  /** Programs that were run in the guest, as far as they are short. */
  readonly programs: readonly { readonly name: string; readonly lines: readonly string[] }[];
  readonly rerun: string;
  readonly host: RunRecord["host"];
  readonly load: TrialRecord["load"];
  readonly dstate: RunRecord["dstate"];
  readonly bisect: RunRecord["bisect"];
}

/** Which outcomes are the failure that a report is about, and which its absence. */
const bad = ["reproduced", "failed"];
const good = ["clean", "passed"];

/**
 * Take from a run what a maintainer wants. The trial that is told of is the first that showed the failure.
 *
 * @returns undefined when no trial of the run showed it: there is nothing to report then.
 */
export async function upstreamFacts(run: StoredRun, context: Context): Promise<UpstreamFacts | undefined> {
  const { record } = run;
  const trial = record.trials.find(({ outcome }) => outcome !== undefined && bad.includes(outcome));
  if (!trial) return undefined;
  const dir = join(run.dir, trial.folder);
  const findings = await findingsIn(dir, context);
  const timeline = parseTimeline(await readFile(join(dir, "timeline.jsonl"), "utf8").catch(() => ""));
  const grave = findings.filter(({ severity }) => severity !== "notice");
  const traces = (grave.length > 0 ? grave : findings).slice(0, most.traces);
  return {
    title: oneLine(record.title ?? record.about, { maxLength: 200 }),
    upstream: (record.upstream ?? []).filter((address) => /^https?:\/\/\S+$/.test(address)),
    summary: oneLine(trial.summary ?? "", { maxLength: 1000 }),
    trial,
    parts: trial.parts === undefined ? undefined : record.parts[trial.parts],
    rates: ratesOf(record, trial),
    steps: stepsOf(trial, timeline),
    findings,
    traces: await Promise.all(traces.map(async (finding) => await traceOf(finding, dir))),
    programs: await programsOf(run, timeline),
    rerun: trial.rerun ?? record.rerun,
    host: record.host,
    load: trial.load,
    dstate: record.dstate,
    bisect: record.bisect,
  };
}

/** The rates of all cells of a run: a matrix counts earlier trials, other runs only their own. */
function ratesOf({ matrix, trials }: RunRecord, failed: TrialRecord): CellRate[] {
  type Counts = Pick<CellRate, "bad" | "good" | "undecided">;
  const rate = (title: string, cell: TrialRecord["cell"], counts: Counts): CellRate => {
    const { low, high } = wilsonInterval(counts.bad, counts.bad + counts.good, deviationsFor(0.95));
    return { title, change: changeOf(failed.cell, cell), ...counts, low, high };
  };
  if (matrix) {
    // Its own intervals: they allow for cells that were stopped early.
    return matrix.cells.map(({ cell, reproduced, clean, inconclusive, infraErrors, low, high }) => {
      const title = [...wordsOf(cell)].map(([name, value]) => `${name} ${value}`).join(", ");
      const counts = { bad: reproduced, good: clean, undecided: inconclusive + infraErrors };
      return { ...rate(title, cell, counts), low, high };
    });
  }
  return [...Map.groupBy(trials, ({ title }) => title)].map(([title, all]) => {
    const count = (names: readonly string[]): number =>
      all.filter(({ outcome }) => outcome !== undefined && names.includes(outcome)).length;
    const counts = { bad: count(bad), good: count(good) };
    return rate(title, all[0]?.cell, { ...counts, undecided: all.length - counts.bad - counts.good });
  });
}

/** A cell's values by what they are of. */
function wordsOf(cell: TrialRecord["cell"]): Map<string, string> {
  if (!cell) return new Map();
  return new Map([
    ["kernel", cell.kernel],
    ...(cell.node === undefined ? [] : [["node", cell.node] as const]),
    ...(cell.image === imageKinds[0] ? [] : [["image", cell.image] as const]),
    ...Object.entries(cell.env),
    ...Object.entries(cell.axes),
  ]);
}

/** @example changeOf({ kernel: "6.1.115", ... }, { kernel: "6.1.129", ... }) // "kernel 6.1.129 instead of 6.1.115" */
function changeOf(from: TrialRecord["cell"], to: TrialRecord["cell"]): string {
  const [before, after] = [wordsOf(from), wordsOf(to)];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => {
      const [old, now] = [before.get(name), after.get(name)];
      if (old === undefined) return `${name}=${now}`;
      return now === undefined ? `without ${name}` : `${name} ${now} instead of ${old}`;
    })
    .join(", ");
}

/** What a trial did, read from its timeline: nothing is told that did not happen. */
function stepsOf(trial: TrialRecord, timeline: readonly TimelineEvent[]): string[] {
  const argv = trial.machine?.command ?? [];
  const after = (word: string): string | undefined => {
    const at = argv.indexOf(word);
    return at < 0 ? undefined : argv[at + 1];
  };
  const machine = [
    ...(after("-accel") === undefined ? [] : [`-accel ${after("-accel")}`]),
    ...(after("-smp") === undefined ? [] : [`-smp ${after("-smp")}`]),
    ...(after("-m") === undefined ? [] : [`-m ${after("-m")}`]),
  ].join(" ");
  const seconds = (t: number): string => `after ${(t / 1000).toFixed(1)} s`;
  const done = timeline.flatMap((event): string[] => {
    switch (event.type) {
      case "job":
        return [`In the guest: ${oneLine(event.command, { maxLength: 300 })}`];
      case "stall":
        return [
          `It stops making progress: no output, no I/O, no CPU use for ${(event.quietFor / 1000).toFixed(0)} s (${seconds(event.t)}).`,
        ];
      case "signal":
        return [`${event.signal} to every process of it (${seconds(event.t)}).`];
      case "signal-verdict":
        return [`What is left after it: ${event.state === "reaped" ? "nothing" : `state ${event.state}`}.`];
      case "power-off":
        return [`systemctl poweroff (${seconds(event.t)}).`];
      case "power-off-verdict":
        return [
          event.state === "off"
            ? "The machine powers off."
            : `The machine does not power off: ${event.state}.`,
        ];
      default:
        return [];
    }
  });
  const boot = `Boot it in QEMU ${trial.machine?.qemu ?? ""}${machine === "" ? "" : `: ${machine}`}`;
  return trial.machine ? [boot, ...done] : done;
}

/**
 * A finding's lines as the log has them; where source lines are known they stand behind the functions, as the kernel's
 * own script writes them.
 *
 * @see https://docs.kernel.org/admin-guide/bug-hunting.html
 */
async function traceOf(
  finding: PageFinding,
  dir: string,
): Promise<{ readonly decoded: boolean; readonly lines: readonly string[] }> {
  const places = new Map(
    finding.frames
      .filter((frame) => (frame.places ?? []).length > 0)
      .map((frame) => [
        addressOf(frame),
        (frame.places ?? []).map(({ file, line }) => `${file}:${line}`).join(" "),
      ]),
  );
  const text = await readFile(join(dir, finding.file), "utf8").catch(() => "");
  const last = Math.min(finding.lastLine, finding.firstLine + 79);
  const lines = text.split("\n").slice(finding.firstLine - 1, last);
  return {
    decoded: places.size > 0,
    lines: lines.map((line) => {
      const plain = sanitize(line.replace(/\r+$/, ""), { maxLength: 400 });
      const known = places.get(/[\w.]+\+0x[0-9a-f]+\/0x[0-9a-f]+/.exec(plain)?.[0] ?? "");
      return known === undefined ? plain : `${plain} (${known})`;
    }),
  };
}

/** As kernels print it. @example addressOf({ function: "io_sq_thread", offset: 532, size: 1158 }) // "io_sq_thread+0x214/0x486" */
function addressOf(frame: PageFinding["frames"][number]): string {
  return `${frame.function}+0x${(frame.offset ?? 0).toString(16)}/0x${(frame.size ?? 0).toString(16)}`;
}

/** The programs that the guest was told to run, where they are files of the repro. */
async function programsOf(
  { dir, record }: StoredRun,
  timeline: readonly TimelineEvent[],
): Promise<{ name: string; lines: string[] }[]> {
  const words = new Set(
    timeline.flatMap((event) => (event.type === "job" ? event.command.split(/[\s/]+/) : [])),
  );
  const named = Object.keys(record.repro?.files ?? {}).filter((path) => words.has(basename(path)));
  const programs = await Promise.all(
    named.map(async (path) => {
      const text = await readFile(join(dir, "repro", path), "utf8").catch(() => "");
      return { name: basename(path), lines: sanitize(text, { maxLength: 8000 }).trimEnd().split("\n") };
    }),
  );
  return programs.filter(({ lines }) => lines.length > 1 && lines.length <= most.programLines);
}
