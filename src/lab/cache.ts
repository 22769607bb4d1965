import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { DeadlineError, messageOf } from "../base/errors.ts";
import { lockFile } from "../base/lock.ts";
import type { Settings } from "../base/settings.ts";
import { Store } from "../base/store.ts";
import { NewerEntryError } from "../base/store-errors.ts";
import { isUsed, lastUse } from "../base/uses.ts";

/** A folder of the cache. */
export interface CachePart {
  readonly name: string;
  /** What is in it, and what it costs to have it again. */
  readonly holds: string;
  /** `store`: entries that are known by content; `trees`: work trees of builds, each behind a lock; else left alone. */
  readonly kind: "store" | "trees";
  /** Days after which a prune by rule removes what nobody has used. */
  readonly days: number;
}

/** What can be pruned: everything in the cache that is large. */
export const cacheParts: readonly CachePart[] = [
  part("snapshots", "machines that were frozen after their boot: made again in a boot's time", 14),
  part("workloads", "disks of workloads: made again in seconds, or fetched", 30),
  part("kernels", "kernels, built or unpacked: a build takes minutes", 90),
  { ...part("kernel-trees", "objects of kernels built from git trees: a whole build", 14), kind: "trees" },
  part("images", "systems of guests: made again from packages", 90),
  part("runtimes", "Node releases: fetched again", 60),
  part("sysroots", "C libraries to compile workloads with: fetched again", 60),
  part("downloads", "sources and packages as they were fetched", 30),
  part("debian-indexes", "what archives have: fetched again", 14),
  part("kernel-org-sums", "checksums of releases: fetched again", 30),
  part("packs", "repros of packs that were run: unpacked again", 30),
  part("registry-packs", "packs that went to a registry or came from one: fetched again", 30),
  part("pages", "the page of `dstate show`: bundled again", 30),
];

function part(name: string, holds: string, days: number): CachePart {
  return { name, holds, kind: "store", days };
}

/** One thing in the cache that can go by itself. */
export interface CacheEntry {
  readonly part: string;
  readonly key: string;
  readonly dir: string;
  /** On the disk: holes of a file take no room. */
  readonly bytes: number;
  /** When it was used last, or else made. ISO 8601. */
  readonly usedAt: string;
  readonly state: "whole" | "corrupt" | "unfinished";
  /** Whether a process that lives uses it. */
  readonly inUse: boolean;
}

type Place = Pick<Settings, "cacheDir">;

/** Everything in the cache that can be pruned, the parts in the order of their table. */
export async function listCache(settings: Place, parts = cacheParts): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const each of parts) {
    const root = join(settings.cacheDir, each.name);
    const store = new Store(root);
    for (const key of await store.keys()) {
      const dir = join(root, key);
      const found = await lstat(dir).catch(() => undefined);
      if (!found?.isDirectory()) continue;
      entries.push({
        part: each.name,
        key,
        dir,
        bytes: await bytesOf(dir),
        usedAt: new Date((await lastUse(root, key)) ?? found.mtimeMs).toISOString(),
        state: each.kind === "trees" ? "whole" : await stateOf(store, key),
        inUse: each.kind === "trees" ? !(await tryTree(root, key, async () => {})) : await isUsed(root, key),
      });
    }
  }
  return entries;
}

async function stateOf(store: Store, key: string): Promise<CacheEntry["state"]> {
  return await store.find(key).then(
    () => "whole",
    // Not for this dstate to judge, and nothing that has to go.
    (error: unknown) => (error instanceof NewerEntryError ? "whole" : "corrupt"),
  );
}

/** What to remove. */
export interface PruneRule {
  /** Names of parts; undefined: all. */
  readonly parts?: readonly string[] | undefined;
  /** Milliseconds since the last use; undefined: what the table says for each part. */
  readonly olderThan?: number | undefined;
  /** Then the longest unused, until no more than so many bytes are left. */
  readonly atMost?: number | undefined;
}

export interface Pruned {
  readonly entry: CacheEntry;
  /** `kept`: somebody began to use it meanwhile. */
  readonly outcome: "removed" | "kept";
}

const day = 24 * 3600_000;

/**
 * Which entries a rule removes: what is corrupt, what was not used for long, and of the rest the longest unused while
 * there is too much. What is in use stays. Pure.
 *
 * @example choosePrune(entries, { olderThan: 7 * 24 * 3600_000 }, Date.now())
 */
export function choosePrune(entries: readonly CacheEntry[], rule: PruneRule, now: number): CacheEntry[] {
  const days = new Map(cacheParts.map(({ name, days }) => [name, days]));
  const age = ({ usedAt }: CacheEntry): number => now - Date.parse(usedAt);
  const free = entries.filter(
    ({ part, inUse }) => !inUse && (rule.parts === undefined || rule.parts.includes(part)),
  );
  const isDue = (entry: CacheEntry): boolean =>
    entry.state !== "whole" ||
    // A limit alone removes nothing below it.
    (rule.olderThan !== undefined
      ? age(entry) >= rule.olderThan
      : rule.atMost === undefined && age(entry) >= (days.get(entry.part) ?? 30) * day);
  const chosen = new Set(free.filter(isDue));
  if (rule.atMost !== undefined) {
    let left = entries.reduce((sum, entry) => sum + (chosen.has(entry) ? 0 : entry.bytes), 0);
    for (const entry of free.toSorted((a, b) => age(b) - age(a))) {
      if (left <= rule.atMost) break;
      if (chosen.has(entry)) continue;
      chosen.add(entry);
      left -= entry.bytes;
    }
  }
  return entries.filter((entry) => chosen.has(entry));
}

/** Remove entries, each unless somebody uses it by now. Several prunes may run at once. */
export async function prune(
  entries: readonly CacheEntry[],
  settings: Place,
  run: { readonly signal: AbortSignal; readonly tell?: (pruned: Pruned) => void },
): Promise<Pruned[]> {
  const kinds = new Map(cacheParts.map(({ name, kind }) => [name, kind]));
  const done: Pruned[] = [];
  for (const entry of entries) {
    run.signal.throwIfAborted();
    const root = join(settings.cacheDir, entry.part);
    const isGone =
      kinds.get(entry.part) === "trees"
        ? await tryTree(root, entry.key, async () => await rm(entry.dir, { recursive: true, force: true }))
        : (await new Store(root).discard(entry.key)) !== "used";
    const pruned: Pruned = { entry, outcome: isGone ? "removed" : "kept" };
    done.push(pruned);
    run.tell?.(pruned);
  }
  return done;
}

/** Do something to a tree that nobody builds in, while nobody can begin to. @returns whether it could be done. */
async function tryTree(root: string, key: string, work: () => Promise<void>): Promise<boolean> {
  try {
    const limits = { within: momentOfLock, signal: new AbortController().signal };
    await using _lock = await lockFile(join(root, ".locks", key), limits);
    await work();
    return true;
  } catch (error) {
    if (error instanceof DeadlineError) return false;
    // Of an earlier version, which had no locks there.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      await work();
      return true;
    }
    throw error;
  }
}

/** Who has a tree's lock builds for minutes. Milliseconds. */
const momentOfLock = 300;

/** What {@link verifyCache} found of an entry. */
export interface Verified {
  readonly entry: CacheEntry;
  /** Why it is not what was stored; undefined: it is. */
  readonly failure: string | undefined;
}

/** Hash every file of entries that are known by content; those that a newer dstate wrote are left out. */
export async function verifyCache(
  entries: readonly CacheEntry[],
  settings: Place,
  run: { readonly signal: AbortSignal; readonly tell?: (entry: CacheEntry) => void },
): Promise<Verified[]> {
  const found: Verified[] = [];
  for (const entry of entries) {
    run.signal.throwIfAborted();
    if (cacheParts.find(({ name }) => name === entry.part)?.kind !== "store") continue;
    run.tell?.(entry);
    const error = await new Store(join(settings.cacheDir, entry.part)).verify(entry.key).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (error instanceof NewerEntryError) continue;
    found.push({ entry, failure: error === undefined ? undefined : messageOf(error) });
  }
  return found;
}

/** What a folder takes on the disk. */
async function bytesOf(dir: string): Promise<number> {
  let bytes = 0;
  const seen = new Set<number>();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const found = await lstat(join(entry.parentPath, entry.name)).catch(() => undefined);
    if (!found || (found.nlink > 1 && seen.has(found.ino))) continue;
    seen.add(found.ino);
    bytes += found.blocks * 512;
  }
  return bytes;
}
