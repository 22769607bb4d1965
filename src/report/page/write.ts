import { rename, writeFile } from "node:fs/promises";
import type { Context } from "../../base/context.ts";
import { step } from "../../base/progress.ts";
import type { StoredRun } from "../../record/read-run.ts";
import { assemblePage } from "./assemble.ts";
import { collectPage } from "./collect.ts";
import { pageTemplate } from "./template.ts";

/** Bytes of logs that a page takes along; packed they are a tenth. */
const mostLogs = 128 * 1024 ** 2;

/**
 * Make a run's page.
 *
 * @returns its size in bytes.
 * @example await writePage(run, join(run.dir, "index.html"), context)
 */
export async function writePage(run: StoredRun, file: string, context: Context): Promise<number> {
  const template = await pageTemplate(context);
  const { length } = run.record.trials;
  const page = await step(context.progress, `read ${run.record.id}`, async (progress) => {
    const onTrial = (number: number): void => progress.update({ share: number / length });
    return assemblePage(template, await collectPage(run, { mostLogs, onTrial }, context));
  });
  await writeFile(`${file}.part`, page);
  await rename(`${file}.part`, file);
  return Buffer.byteLength(page);
}
