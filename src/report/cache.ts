import { formatBytes } from "../base/size.ts";
import type { CacheEntry, Pruned, Verified } from "../lab/cache.ts";
import { renderTable } from "./table.ts";

/** A cache for people: its parts, and its entries the longest unused first. */
export function renderCache(
  entries: readonly CacheEntry[],
  options: { readonly width: number; readonly dir: string; readonly now: number },
): string {
  if (entries.length === 0) return `The cache ${options.dir} is empty: the first machine fills it.`;
  const ordered = entries.toSorted((a, b) => (a.usedAt < b.usedAt ? -1 : 1));
  const rows = ordered.map((entry) => [
    `${entry.part}/${entry.key}`,
    formatBytes(entry.bytes),
    age(options.now - Date.parse(entry.usedAt)),
    entry.inUse ? "in use" : entry.state === "whole" ? "" : entry.state,
  ]);
  const table = renderTable(["entry", "size", "unused for", ""], rows, options);
  return `${table}\n${entries.length} entries, ${sizeOf(entries)}, in ${options.dir}`;
}

/** What a prune did, or would do. */
export function renderPruned(
  pruned: readonly Pruned[],
  options: { readonly dryRun: boolean; readonly left: readonly CacheEntry[] },
): string {
  const gone = pruned.filter(({ outcome }) => outcome === "removed").map(({ entry }) => entry);
  const lines = pruned.map(({ entry, outcome }) => {
    const what = outcome === "kept" ? "kept, somebody uses it" : options.dryRun ? "would remove" : "removed";
    return `${what}: ${entry.part}/${entry.key} (${formatBytes(entry.bytes)})`;
  });
  const would = options.dryRun ? "would be " : "";
  return [...lines, `${sizeOf(gone)} ${would}freed, ${sizeOf(options.left)} ${would}left`].join("\n");
}

/** What a verification found. */
export function renderVerified(verified: readonly Verified[]): string {
  const bad = verified.flatMap(({ entry, failure }) => (failure === undefined ? [] : [{ entry, failure }]));
  const good = verified.length - bad.length;
  return [
    ...bad.map(({ entry, failure }) => `corrupt: ${entry.part}/${entry.key}: ${failure}`),
    `${good} of ${verified.length} entries are what was stored, byte by byte`,
    ...(bad.length === 0 ? [] : ["`dstate cache verify --remove` removes the others; they are made anew."]),
  ].join("\n");
}

function sizeOf(entries: readonly CacheEntry[]): string {
  return formatBytes(entries.reduce((sum, { bytes }) => sum + bytes, 0));
}

function age(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
