import { cp, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { UsageError } from "../base/errors.ts";
import { longStep } from "../base/past-durations.ts";
import { keyOf, sayMadeAnew } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { sharedStore } from "../supply/registry/other-place.ts";
import type { Cell } from "./cell.ts";
import type { PartsRequest } from "./preparation.ts";

/** Room for what a guest writes: the image is sparse, only what is used takes disk. */
const roomBytes = 2 * 1024 ** 3;

/**
 * The disk a cell's guest mounts at /srv/work: the workload's files and what the repro prepares on the host.
 * It is an ext4 image, so that files reach the guest without being copied over a wire.
 *
 * @throws {UsageError} when the workload's folder does not exist.
 */
export async function provideWorkload(
  repro: Pick<PartsRequest, "id" | "workload" | "prepare">,
  cell: Cell,
  context: Context,
): Promise<string | undefined> {
  if (!repro.workload && !repro.prepare) return undefined;
  const source = repro.workload ? fileURLToPath(repro.workload) : undefined;
  if (source !== undefined && !(await stat(source).catch(() => undefined))?.isDirectory()) {
    throw new UsageError(`the workload of "${repro.id}" should be a folder at ${source}, and there is none`);
  }
  const files = source === undefined ? [] : await describeFiles(source);
  const key = keyOf({ recipe: 2, id: repro.id, files, prepared: repro.prepare?.key(cell) });
  const store = sharedStore("workloads", context);
  const entry = await store.findOrMake(
    `${repro.id}-${key}`,
    { within: timeouts.make.workload, signal: context.signal, onCorrupt: sayMadeAnew(context) },
    async (dir, signal) =>
      await longStep(
        context,
        { title: `prepare the workload of ${repro.id}`, kind: `workload-${repro.id}`, guess: undefined },
        async (progress) => {
          const tree = join(dir, "tree");
          await mkdir(tree);
          if (source !== undefined) await cp(source, tree, { recursive: true });
          await repro.prepare?.make({ ...context, signal, cell, dir: tree });
          progress.update({ detail: "writing the file system" });
          await command(
            [
              "mke2fs",
              "-q",
              "-t",
              "ext4",
              "-d",
              tree,
              "-L",
              "dstate-work",
              "-m",
              "0",
              "-O",
              "^has_journal",
              "-E",
              "root_owner=0:0,lazy_itable_init=1",
              join(dir, "work.ext4"),
              `${roomBytes / 1024}k`,
            ],
            { within: timeouts.host.image, signal, install: "Install e2fsprogs: `dstate setup`." },
          );
          await rm(tree, { recursive: true, force: true });
          return { repro: repro.id };
        },
      ),
  );
  return join(entry.dir, "work.ext4");
}

async function describeFiles(root: string): Promise<string[]> {
  const lines: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    lines.push(`${path.slice(root.length)} ${keyOf((await readFile(path)).toString("base64"))}`);
  }
  return lines.sort();
}
