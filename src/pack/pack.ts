import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { createTar } from "nanotar";
import { UsageError } from "../base/errors.ts";
import type { Settings } from "../base/settings.ts";
import { formatBytes } from "../base/size.ts";
import { readPins } from "../kernel/pins.ts";
import type { StoredRun } from "../record/read-run.ts";
import type { RunRecord, TrialRecord } from "../record/run-record.ts";
import { hashOf, idOf, type Manifest, manifestSchema } from "./manifest.ts";

/** What a pack may weigh: trackers and mail servers take so much. */
export const mostPacked = 20 * 1024 ** 2;
/** More than this of all files before they are packed is not taken along, the largest first. */
const mostFiles = 64 * 1024 ** 2;
/** A page can be made again of what is here. */
const left = new Set(["index.html", "guest-memory.kdump-zlib"]);

/**
 * Folders that stay here: a kept machine is all of a guest's memory with the keys to it, of no use to who runs the
 * pack, and what was seen when it was attached to is no part of the run.
 */
const leftFolders = /(?:^|\/)(?:kept|kept\.draft|attached)\//;

export interface Packed {
  readonly bytes: Buffer;
  /** The hash of its manifest. */
  readonly id: string;
  readonly manifest: Manifest;
}

/**
 * Make one file of a run: the repro, what its kernel and guest were made from, and the evidence. The trial that
 * another host runs again is the first that showed the failure, else the first.
 *
 * @throws {UsageError} when the run is of no repro, or weighs too much.
 */
export async function packRun(run: StoredRun, settings: Pick<Settings, "homeDir">): Promise<Packed> {
  const { record } = run;
  const definition = record.repro?.file;
  const trial = trialOf(record);
  if (definition === undefined || trial?.cell === undefined)
    throw new UsageError(`the run ${record.id} is of no repro: there is nothing to run again`, {
      next: "Pack a run of `dstate run`, `check`, `matrix` or `bisect`.",
    });
  const { taken, omitted } = await choose(run.dir);
  const there = new Set(taken.map(({ path }) => path));
  const missing = Object.keys(record.repro?.files ?? {}).filter((path) => !there.has(`repro/${path}`));
  if (missing.length > 0)
    throw new UsageError(
      `the run ${record.id} does not hold its whole repro: ${missing.slice(0, 3).join(", ")} ${missing.length === 1 ? "is" : "are"} missing`,
      { next: "Run it again; of a repro with more than 8 MiB of files no copy is kept." },
    );
  const files: Manifest["files"] = {};
  for (const { path, data } of taken) files[path] = { sha256: hashOf(data), bytes: data.length };
  const parts = trial.parts === undefined ? undefined : record.parts[trial.parts];
  const pins = await readPins(settings.homeDir);
  const pin = pins.find(({ version }) => version === trial.cell?.kernel);
  const { machine, ...about } = trial;
  const manifest: Manifest = manifestSchema.parse({
    schemaVersion: 1,
    run: record.id,
    kind: record.kind,
    about: { id: record.about, title: record.title, upstream: record.upstream },
    startedAt: record.startedAt,
    definition,
    trial: {
      ...about,
      ...(machine && {
        machine: { qemu: machine.qemu, acceleration: machine.acceleration, start: machine.start },
      }),
    },
    parts,
    pin,
    rates: ratesOf(record),
    host: record.host,
    dstate: record.dstate,
    files,
    omitted,
  });
  const text = `${JSON.stringify(manifest, null, 1)}\n`;
  // The same run makes the same bytes.
  const attrs = { mtime: 0, uid: 0, gid: 0 };
  const tar = createTar([
    { name: "manifest.json", data: text, attrs },
    ...taken.map(({ path, data }) => ({ name: path, data, attrs })),
  ]);
  const bytes = gzipSync(tar, { level: 9 });
  if (bytes.length > mostPacked)
    throw new UsageError(
      `the pack would weigh ${formatBytes(bytes.length)}, and ${formatBytes(mostPacked)} is the most`,
      { next: "Pack a run with fewer trials." },
    );
  return { bytes, id: idOf(text), manifest };
}

function trialOf({ trials }: RunRecord): TrialRecord | undefined {
  return (
    trials.find(({ outcome }) => outcome === "reproduced") ?? trials.find(({ cell }) => cell !== undefined)
  );
}

function ratesOf({ trials }: RunRecord): Manifest["rates"] {
  return [...Map.groupBy(trials, ({ title }) => title)].map(([title, all]) => {
    const outcomes: Manifest["rates"][number]["outcomes"] = {};
    for (const { outcome } of all)
      if (outcome !== undefined) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    return { title, outcomes };
  });
}

/** The files to take along: all of the repro, and of the evidence what there is room for, the smallest first. */
async function choose(
  dir: string,
): Promise<{ taken: { path: string; data: Buffer }[]; omitted: Manifest["omitted"] }> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const all = await Promise.all(
    entries
      .filter((entry) => entry.isFile() && !left.has(entry.name) && !entry.name.startsWith("run.json."))
      .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
      .filter((path) => path.startsWith("repro/") || !leftFolders.test(path))
      .map(async (path) => {
        return { path, bytes: (await stat(join(dir, path))).size };
      }),
  );
  const isCode = (path: string): boolean => path.startsWith("repro/") || path === "run.json";
  const order = all.sort((a, b) => Number(isCode(b.path)) - Number(isCode(a.path)) || a.bytes - b.bytes);
  const taken: { path: string; data: Buffer }[] = [];
  const omitted: Manifest["omitted"] = [];
  let room = mostFiles;
  for (const { path, bytes } of order) {
    if (bytes > room) omitted.push({ path, bytes });
    else {
      room -= bytes;
      const name = isCode(path) ? path : `evidence/${path}`;
      taken.push({
        path: name === "run.json" ? "evidence/run.json" : name,
        data: await readFile(join(dir, path)),
      });
    }
  }
  return { taken: taken.sort((a, b) => (a.path < b.path ? -1 : 1)), omitted };
}
