import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import type { Context } from "../../base/context.ts";
import { waitGraph } from "../../kernel-log/wait-graph.ts";
import { decodeWhereKnown } from "../../log/decode.ts";
import { openLogFile } from "../../log/open.ts";
import { readLog } from "../../log/read.ts";
import { guestPlatform } from "../../platform/platforms.ts";
import type { StoredRun } from "../../record/read-run.ts";
import type { TrialRecord } from "../../record/run-record.ts";
import { parseTimeline } from "../../record/timeline.ts";
import { findingRecord } from "../findings.ts";
import type { PageData, PageFinding, PageLog, PageTrial, TrialDetail } from "./data.ts";
import { headAndTail } from "./head-and-tail.ts";

/** What the page's script reads: JSON or text, packed, by name. Nothing in it can be taken for markup. */
export type Blocks = Map<string, string>;

export interface CollectedPage {
  readonly data: PageData;
  readonly blocks: Blocks;
}

export interface CollectPageOptions {
  /** Bytes of all logs together that the page takes along. */
  readonly mostLogs: number;
  /** Told of each trial that is done. */
  readonly onTrial?: (number: number) => void;
}

/** Texts of a trial that are worth a look, the best first. */
const logFiles = [
  "console.log",
  "dmesg.txt",
  "stdout.txt",
  "stderr.txt",
  "workload-stdout.txt",
  "workload-stderr.txt",
  "journal.txt",
  "sysrq.txt",
  "registers.txt",
  "nmi.txt",
  "last-screen.txt",
  "console-boot.log",
  "qemu.log",
];

const trialFileSchema = z.object({
  columns: z.record(z.string(), z.string()).catch({}),
  versions: z.record(z.string(), z.string()).catch({}),
});
const blockedSchema = z.object({
  tasks: z.array(
    z.object({
      task: z.string().catch("?"),
      pid: z.number().catch(0),
      guilty: z.string().catch("?"),
      frames: z.array(z.object({ function: z.string() })).catch([]),
    }),
  ),
  waits: z.array(
    z.object({
      waiter: z.object({ comm: z.string(), pid: z.number() }),
      lock: z.string(),
      owner: z.object({ comm: z.string(), pid: z.number() }).optional(),
      source: z.enum(["hung-task", "lockdep"]),
    }),
  ),
});
const powerOffSchema = z.object({
  shutdown: z.object({
    waitingFor: z.array(z.object({ comm: z.string(), pid: z.number().optional() })),
  }),
});

/** What `dstate why` has left. */
const whySchema = z.object({
  sentence: z.string(),
  graph: z.object({
    nodes: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(["task", "lock", "system"]),
        title: z.string(),
        detail: z.string(),
      }),
    ),
    edges: z.array(z.object({ from: z.string(), to: z.string(), label: z.string() })),
  }),
});

/** Read everything that a run's page shows. */
export async function collectPage(
  run: StoredRun,
  options: CollectPageOptions,
  context: Context,
): Promise<CollectedPage> {
  const { record } = run;
  const blocks: Blocks = new Map();
  const configs: Record<string, string> = {};
  const trials: PageTrial[] = [];
  let room = options.mostLogs;
  for (const trial of record.trials) {
    context.signal.throwIfAborted();
    const dir = join(run.dir, trial.folder);
    const detail = await collectTrial(dir, trial, context);
    const logs: PageLog[] = [];
    for (const file of logFiles) {
      // Every trial may have its share of what is left.
      const most = Math.floor(room / Math.max(1, record.trials.length - trials.length));
      const log = await packLog(join(dir, file), file, `${trial.number} ${file}`, most, blocks);
      if (!log) continue;
      logs.push(log);
      room -= log.bytes - log.omitted;
    }
    blocks.set(`trial ${trial.number}`, pack(JSON.stringify({ ...detail, logs } satisfies TrialDetail)));
    if (trial.parts !== undefined && configs[trial.parts] === undefined) {
      const config = await readFile(join(dir, "kernel-config"), "utf8").catch(() => undefined);
      if (config !== undefined) {
        configs[trial.parts] = `config ${trial.parts}`;
        blocks.set(`config ${trial.parts}`, pack(config));
      }
    }
    trials.push(summaryOf(trial, detail.findings));
    options.onTrial?.(trial.number);
  }
  return { data: { run: { ...record, trials }, state: run.state, configs }, blocks };
}

function summaryOf({ machine, ...trial }: TrialRecord, findings: readonly PageFinding[]): PageTrial {
  const titles = [...new Set(findings.map(({ title }) => title))].slice(0, 3);
  if (machine === undefined) return { ...trial, findings: titles };
  const { qemu, acceleration, start } = machine;
  return { ...trial, machine: { qemu, acceleration, start }, findings: titles };
}

async function collectTrial(
  dir: string,
  trial: TrialRecord,
  context: Context,
): Promise<Omit<TrialDetail, "logs">> {
  const own = trialFileSchema.safeParse(await readJson(join(dir, "trial.json"))).data;
  const blocked = blockedSchema.safeParse(await readJson(join(dir, "blocked.json"))).data;
  const why = whySchema.safeParse(await readJson(join(dir, "why.json"))).data;
  const powerOff = powerOffSchema.safeParse(await readJson(join(dir, "power-off.json"))).data;
  const argv = z.array(z.string()).safeParse(await readJson(join(dir, "qemu-arguments.json"))).data ?? [];
  const files = await Promise.all(
    (await readdir(dir, { withFileTypes: true }).catch(() => []))
      .filter((entry) => entry.isFile())
      .map(async ({ name }) => ({ name, bytes: (await stat(join(dir, name))).size })),
  );
  return {
    number: trial.number,
    timeline: parseTimeline(await readFile(join(dir, "timeline.jsonl"), "utf8").catch(() => "")),
    findings: await findingsIn(dir, context),
    // What was read from its memory says more than what the kernel said.
    waits: why
      ? { ...why.graph, sentence: why.sentence }
      : waitGraph({
          waits: (blocked?.waits ?? []).map(({ owner, ...wait }) => (owner ? { ...wait, owner } : wait)),
          blocked: (blocked?.tasks ?? []).map(({ task, ...rest }) => ({ comm: task, ...rest })),
          shutdown: powerOff?.shutdown.waitingFor ?? [],
        }),
    columns: own?.columns ?? {},
    versions: own?.versions ?? {},
    command: trial.machine?.command ?? [guestPlatform.qemu.program, ...argv],
    files: files.sort((a, b) => a.name.localeCompare(b.name)),
  };
}

/** The console has what was printed last; the guest's own log what came before the machine went on. */
export async function findingsIn(dir: string, context: Context): Promise<PageFinding[]> {
  const { signal } = context;
  for (const file of ["console.log", "dmesg.txt"]) {
    const path = join(dir, file);
    if (!(await stat(path).catch(() => undefined))?.size) continue;
    const report = await decodeWhereKnown(
      await readLog(await openLogFile(path, { signal }), { signal }),
      context,
    );
    if (report.total === 0) continue;
    return report.groups.slice(0, 100).map(({ finding, count, occurrences }) => ({
      ...findingRecord(finding),
      file,
      count,
      occurrences: occurrences.slice(0, 50).map(({ firstLine, time }) => ({ firstLine, time })),
    }));
  }
  return [];
}

async function packLog(
  path: string,
  file: string,
  block: string,
  most: number,
  blocks: Blocks,
): Promise<PageLog | undefined> {
  const bytes = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (bytes === 0) return undefined;
  const { text, omitted } = await headAndTail(path, bytes, most);
  blocks.set(block, pack(text));
  return { file, bytes, omitted, block };
}

function pack(text: string | Buffer): string {
  return gzipSync(text, { level: 6 }).toString("base64");
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}
