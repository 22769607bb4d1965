import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import { sha256OfFile } from "../../base/hash-file.ts";
import { storedKernels } from "../../kernel/stored.ts";
import type { Candidate } from "./candidates.ts";

/**
 * Whether a candidate's kernel is the same, to the bit, as that of its only parent: then it cannot have brought or mended
 * anything, and what said so was noise.
 *
 * @returns undefined when that is not known: one of the two is not in the cache, or it has several parents.
 */
export async function isSameAsParent(
  candidates: readonly Candidate[],
  number: number,
  context: Pick<Context, "settings">,
): Promise<boolean | undefined> {
  const [candidate, parent, ...others] = [number, ...(candidates[number]?.parents ?? [])].map(
    (index) => candidates[index],
  );
  if (!candidate || !parent || others.length > 0) return undefined;
  const stored = await storedKernels(context);
  const hashes = await Promise.all(
    [candidate, parent].map(async ({ cell }) => {
      const found = stored.find(
        ({ about }) => about.selector === cell.kernel && about.debugInfoOf === undefined,
      );
      return found && (await sha256OfFile(join(found.entry.dir, found.about.boot)));
    }),
  );
  const [own, before] = hashes;
  return own === undefined || before === undefined ? undefined : own === before;
}
