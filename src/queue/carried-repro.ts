import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Context } from "../base/context.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { keyOf, Store } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { definitionOf } from "../campaign/cell-key.ts";
import { reproFiles } from "../record/repro-files.ts";
import { type FoundRepro, findRepro } from "../repro/find.ts";
import { packsFolder } from "../repro/own-library.ts";
import type { Queue } from "./queue.ts";

/** A repro with more than this beside it is to be installed on the workers. */
const mostBytes = 8 * 1024 ** 2;

/** Give a repro's files to the queue: workers run what is here, also when they have none or an older one. */
export async function carryRepro(found: FoundRepro, definition: string, queue: Queue): Promise<void> {
  const root = dirname(found.file);
  const files: Record<string, string> = {};
  let bytes = 0;
  for (const path of await reproFiles(found.file)) {
    const content = await readFile(join(root, path));
    bytes += content.length;
    if (bytes > mostBytes)
      throw new UsageError(`the files of ${found.repro.id} are more than 8 MiB: too many for a queue`, {
        next: "Have the workload fetch or make what is large in `prepare`.",
      });
    files[path] = content.toString("base64");
  }
  await queue.saveRepro({ definition, id: found.repro.id, file: basename(found.file), files });
}

/**
 * The repro of a job: this dstate's own where it is the same, else the one that came with it, whose code runs on this
 * host from here on.
 *
 * @throws {InfraError} when it is not what it should be.
 */
export async function receiveRepro(definition: string, queue: Queue, context: Context): Promise<FoundRepro> {
  const [id = ""] = definition.split(" ");
  const own = await findRepro(id).catch(() => undefined);
  if (own && (await definitionOf(own)) === definition) return own;
  const carried = await queue.findRepro(definition);
  if (!carried) throw new InfraError(`the queue ${queue.shown} has no repro ${definition}`);
  const store = new Store(join(context.settings.cacheDir, packsFolder));
  const limits = { within: timeouts.host.ask, signal: context.signal };
  const entry = await store.findOrMake(`queued-${keyOf(definition)}`, limits, async (dir) => {
    for (const [path, content] of Object.entries(carried.files)) {
      if (path.startsWith("/") || path.split("/").includes(".."))
        throw new InfraError(`the queue ${queue.shown} has a repro with files outside of it`);
      const to = join(dir, "repro", path);
      await mkdir(dirname(to), { recursive: true });
      await writeFile(to, Buffer.from(content, "base64"));
    }
    if (carried.files["package.json"] === undefined)
      await writeFile(join(dir, "package.json"), '{"type":"module"}\n');
    return { definition };
  });
  const found = await findRepro(join(entry.dir, "repro", carried.file));
  if ((await definitionOf(found)) !== definition)
    throw new InfraError(`the repro ${id} that came with the job is not the one it should be`);
  return found;
}
