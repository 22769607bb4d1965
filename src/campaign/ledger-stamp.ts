import { readFileSync, statSync, writeFileSync } from "node:fs";
import { toMilliseconds } from "../base/duration.ts";

/**
 * What a ledger's file was when it was last seen whole. Reading every page of a million trials takes 6 s, which nobody
 * waits for at each command; a file that is still the one that was seen whole need not be read again. A file that
 * somebody else wrote to, restored or tore has another size or time.
 *
 * What a disk does to a file without writing to it is found once a day.
 *
 * A host that loses its power: SQLite has the file on the disk before it lets the log of changes go, and a stamp is
 * believed only where no such log is left.
 *
 * @see https://www.sqlite.org/wal.html#checkpointing
 */
export function isStamped(path: string): boolean {
  const now = stampOf(path);
  if (now === undefined) return false;
  try {
    const age = Date.now() - statSync(fileOf(path)).mtimeMs;
    return age < toMilliseconds("24h") && readFileSync(fileOf(path), "utf8") === now;
  } catch {
    return false;
  }
}

/** Remember that a file, which was just closed by the last who had it open, is whole. */
export function stamp(path: string): void {
  const now = stampOf(path);
  if (now === undefined) return;
  try {
    writeFileSync(fileOf(path), now);
  } catch {
    // A full disk costs the next one a look at every page.
  }
}

const fileOf = (path: string): string => `${path}.whole`;

/** Undefined while changes of the file lie beside it: somebody has it open, or did not end orderly. */
function stampOf(path: string): string | undefined {
  if ((sizeOf(`${path}-wal`) ?? 0n) > 0n) return undefined;
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.ino} ${found.size} ${found.mtimeNs}\n`;
}

function sizeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.size;
}
