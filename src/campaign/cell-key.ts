import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { keyOf, sha256OfFile } from "../base/store.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { sourceOf } from "../kernel/sources/index.ts";
import type { Cell } from "../lab/cell.ts";
import type { FoundRepro } from "../repro/find.ts";

/** Counted up when dstate itself changes what a trial's outcome means. */
const version = 1;

/**
 * Names everything in a repro's folder but its tests: its definition, its signature, its workload. When any of
 * it changes, earlier trials no longer count.
 *
 * @param file the file that defines the repro.
 */
export async function reproKey(file: string): Promise<string> {
  const root = dirname(file);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("/node_modules/"))
    .sort();
  const facts = await Promise.all(
    files.map(async (path) => [path.slice(root.length), await sha256OfFile(path)]),
  );
  return keyOf({ version, facts });
}

/**
 * Names a repro as it is now: its id and its files. Trials of an older one do not count.
 *
 * @example await definitionOf(await findRepro("io-uring-dstate"))
 */
export async function definitionOf({ repro, file }: FoundRepro): Promise<string> {
  return `${repro.id} ${await reproKey(file)}`;
}

/**
 * Names a cell for the ledger: trials of cells with the same name count together.
 *
 * @param kernelId names the kernel's content where the selector does not; see {@link isFixedSelector}.
 */
export function cellKey(repro: string, cell: Cell, kernelId?: string): string {
  const selector = parseKernelSelector(cell.kernel);
  const kernel = kernelId ?? sourceOf(selector).nameInLedger(selector);
  const sorted = (pairs: Readonly<Record<string, string>>): [string, string][] =>
    Object.entries(pairs).sort();
  return keyOf({
    repro,
    kernel,
    node: cell.node,
    image: cell.image,
    env: sorted(cell.env),
    axes: sorted(cell.axes),
  });
}
