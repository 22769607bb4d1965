import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { InfraError, UsageError } from "../base/errors.ts";
import { isAlive } from "../base/owner.ts";
import type { Settings } from "../base/settings.ts";
import { outcomeSchema, type RunRecord, runSchema } from "./run-record.ts";

/** A run's folder and what it holds. */
export interface StoredRun {
  readonly dir: string;
  readonly record: RunRecord;
  /** How it ended; `killed`: nobody writes it any more, and nobody ended it. */
  readonly state: RunRecord["state"] | "killed";
}

/** What there was before runs had a file of their own: a folder a trial. */
const oldTrialSchema = z.object({
  repro: z.string(),
  cell: z.looseObject({
    kernel: z.string(),
    node: z.string().optional(),
    env: z.record(z.string(), z.string()),
    image: z.string(),
    axes: z.record(z.string(), z.string()),
  }),
  outcome: outcomeSchema,
  summary: z.string(),
  startedAt: z.iso.datetime(),
  took: z.number(),
});

/**
 * Read a run's folder, also one of a single trial as older versions wrote it.
 *
 * @throws {InfraError} when it is no run's folder, or of a newer dstate.
 */
export async function readRun(dir: string): Promise<StoredRun> {
  const text = await readFile(join(dir, "run.json"), "utf8").catch(() => undefined);
  if (text === undefined) return await readOldTrial(dir);
  const file = join(dir, "run.json");
  const written = parse(text);
  const version = versionOf(written);
  if (version !== undefined && version > 1)
    throw new InfraError(
      `${file} was written by a newer dstate: its form has the version ${version}, and this one knows 1`,
      { next: "Read it with that dstate." },
    );
  const parsed = runSchema.safeParse(
    version === undefined ? written : { ...Object(written), schemaVersion: version },
  );
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InfraError(`${file} is not what dstate writes: ${issue?.path.join(".")}: ${issue?.message}`, {
      next: "It was changed or torn: the evidence of its trials is in the folders beside it.",
    });
  }
  const record = parsed.data;
  const killed = record.state === "running" && !isAlive(record.owner);
  return { dir, record, state: killed ? "killed" : record.state };
}

/** Which form a run.json has. The first dstate that wrote one said it in another field. */
function versionOf(written: unknown): number | undefined {
  const { data } = z
    .object({ schemaVersion: z.int().optional(), schema: z.string().optional() })
    .safeParse(written);
  const [, number] = /^dstate\/run\/(\d+)$/.exec(data?.schema ?? "") ?? [];
  return data?.schemaVersion ?? (number === undefined ? undefined : Number(number));
}

async function readOldTrial(dir: string): Promise<StoredRun> {
  const text = await readFile(join(dir, "trial.json"), "utf8").catch(() => undefined);
  const parsed = oldTrialSchema.safeParse(text === undefined ? undefined : parse(text));
  if (!parsed.success)
    throw new InfraError(`${dir} holds neither a run.json nor a trial.json that can be read`, {
      next: "Name a run's folder, such as those below logs/.",
    });
  const { repro, cell, outcome, summary, startedAt, took } = parsed.data;
  const title = [`kernel ${cell.kernel}`, ...(cell.node === undefined ? [] : [`node ${cell.node}`])].join(
    ", ",
  );
  const folder = ".";
  const record: RunRecord = {
    schemaVersion: 1,
    id: basename(dir),
    kind: "run",
    about: repro,
    state: "finished",
    startedAt,
    endedAt: new Date(Date.parse(startedAt) + took).toISOString(),
    owner: { pid: 1, startTime: "", boot: "" },
    command: [],
    rerun: "",
    dstate: { version: "unknown", node: "unknown" },
    host: {
      cpu: "unknown",
      cores: 0,
      memory: 0,
      kernel: "unknown",
      system: "unknown",
      architecture: "unknown",
    },
    parts: {},
    trials: [{ number: 1, folder, title, cell, state: "ended", startedAt, took, outcome, summary }],
  };
  return { dir, record, state: "finished" };
}

/**
 * Find a run: a folder, the start or another part of its name below `logs`, or the last one.
 *
 * @throws {UsageError} when there is none, or more than one.
 * @example await findRun("io-uring", settings)
 */
export async function findRun(
  name: string | undefined,
  settings: Pick<Settings, "logsDir">,
): Promise<string> {
  const { logsDir } = settings;
  if (name !== undefined && name !== "last") {
    for (const path of [resolve(name), join(logsDir, name)]) {
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory()) return path;
      if (found?.isFile() && /^(run|trial)\.json$/.test(basename(path))) return dirname(path);
    }
  }
  const runs = await listRuns(settings);
  const last = runs.at(-1);
  if (name === undefined || name === "last") {
    if (last === undefined)
      throw new UsageError(`nothing was run here yet: ${logsDir} holds no run`, {
        next: "Start with `dstate run REPRO`, or name a run's folder.",
      });
    return join(logsDir, last);
  }
  const [found, ...more] = runs.filter((run) => run.includes(name));
  if (found === undefined)
    throw new UsageError(`there is no run "${name}" below ${logsDir}`, {
      next: last === undefined ? "Nothing was run here yet." : `The last one is ${last}.`,
    });
  if (more.length > 0)
    throw new UsageError(`"${name}" is in the names of ${more.length + 1} runs`, {
      next: `Say more of it. The last ones: ${[found, ...more].slice(-4).join(", ")}.`,
    });
  return join(logsDir, found);
}

/** The names of all runs below `logs`, the oldest first. */
export async function listRuns({ logsDir }: Pick<Settings, "logsDir">): Promise<string[]> {
  const entries = await readdir(logsDir, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && /^\d{4}-\d\d-\d\dT/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
