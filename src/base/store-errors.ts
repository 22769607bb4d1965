import { InfraError } from "./errors.ts";

/** What would have to be made, where nothing is to be made. */
export class NotThereError extends InfraError {}

/** An entry that is there and is not what was put there. */
class CorruptError extends InfraError {}

/** A corrupt entry is as good as none. @throws any other error. */
export function ifCorrupt(error: unknown): undefined {
  if (!(error instanceof CorruptError)) throw error;
}

/** The error for an entry of a store that is not what was put there. */
export function corrupt(dir: string, why: string): InfraError {
  return new CorruptError(`the cache entry ${dir} is corrupt: ${why}`, {
    next: `Remove it with \`rm -r '${dir}'\` and run the command again: it is made anew.`,
    evidence: dir,
  });
}

/** An entry that this dstate does not understand, and leaves alone. */
export class NewerEntryError extends InfraError {
  constructor(dir: string, form: number) {
    super(`the cache entry ${dir} was written by a newer dstate: its manifest has the form ${form}`, {
      next: "Use that dstate here, or set DSTATE_CACHE to another folder.",
      evidence: dir,
    });
  }
}
