import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { keyOf } from "../base/store.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { parseKernelSelector } from "../kernel/selector.ts";
import { sourceOf } from "../kernel/sources/index.ts";
import type { Cell } from "../lab/cell.ts";
import type { Accelerator } from "../machine/argv.ts";
import type { FoundRepro } from "../repro/find.ts";
import { isForPeople, meaningOf } from "./meaning.ts";

/** Counted up when dstate itself changes what a trial's outcome means. */
const version = 2;

/**
 * Names everything in a repro's folder that its trials depend on: its definition, its signature, its workload. When any
 * of it changes, earlier trials no longer count. Its tests, its README and comments change nothing.
 *
 * @param file the file that defines the repro.
 */
export async function reproKey(file: string): Promise<string> {
  const root = dirname(file);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("/node_modules/") && !isForPeople(path.slice(root.length + 1)))
    .sort();
  const facts = await Promise.all(
    files.map(async (path) => [path.slice(root.length), await meaningKey(path)]),
  );
  return keyOf({ version, facts });
}

async function meaningKey(path: string): Promise<string> {
  return createHash("sha256")
    .update(meaningOf(path, await readFile(path)))
    .digest("hex");
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
 * What the ledger calls a kernel: the same however it was named, by a line, an upstream version, a tag, or exactly.
 *
 * @param kernel what was had; it is asked where the selector may mean another one tomorrow.
 * @example kernelName("deb:6.12.74", { id: "deb-6.12.74-2-x", exact: "deb:6.12.74-2" }) // "deb:6.12.74-2"
 */
export function kernelName(text: string, kernel: Pick<Kernel, "id" | "exact"> | undefined): string {
  for (const name of [text, kernel?.exact]) {
    const selector = name === undefined ? undefined : parseKernelSelector(name);
    if (selector && sourceOf(selector).isFixed(selector)) return sourceOf(selector).nameInLedger(selector);
  }
  const selector = parseKernelSelector(text);
  return kernel?.id ?? sourceOf(selector).nameInLedger(selector);
}

/**
 * Names a cell for the ledger: trials of cells with the same name count together.
 *
 * @param about.kernel see {@link kernelName}. Default: what the selector says.
 * @param about.accelerator what its machines run under. Emulation goes without saying, as it did before this counted.
 */
export function cellKey(
  repro: string,
  cell: Cell,
  about: {
    readonly kernel?: string | undefined;
    readonly accelerator?: Accelerator["type"] | undefined;
  } = {},
): string {
  const { kernel = kernelName(cell.kernel, undefined), accelerator = "tcg" } = about;
  const sorted = (pairs: Readonly<Record<string, string>>): [string, string][] =>
    Object.entries(pairs).sort();
  return keyOf({
    repro,
    kernel,
    node: cell.node,
    image: cell.image,
    env: sorted(cell.env),
    axes: sorted(cell.axes),
    ...(accelerator === "tcg" ? {} : { accelerator }),
  });
}
