import { copyFile, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import type { Context } from "../base/context.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { parseJson } from "../base/parse-json.ts";
import { step } from "../base/progress.ts";
import type { RegistryAddress, RegistryReference } from "../base/registry-address.ts";
import { keyOf, Store } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import { isInside, tagOf } from "../supply/registry/artifact.ts";
import { RegistryClient } from "../supply/registry/client.ts";
import { sharedStore } from "../supply/registry/other-place.ts";
import { pullEntry } from "../supply/registry/pull.ts";
import { pushEntry } from "../supply/registry/push.ts";
import { type Kept, keptSchema, readKept } from "./kept.ts";

const kind = "kept";
/** The cache's parts that registries have, and that a kept machine may stand on. */
const parts: ReadonlySet<string> = new Set(["kernels", "images", "runtimes", "workloads"]);
/** In place of the folder of somebody's cache. */
const cache = "cache:";

/** A kept machine is its guest's memory, packed, and what its disks hold. */
const mostBytes = 64 * 1024 ** 3;

/** Where a kept machine is to be had. */
export interface KeptAddress {
  readonly reference: string;
  readonly pinned: string;
}

/**
 * Give a registry a kept machine, with the kernel and the disks that it stands on. Whoever may read them there may enter
 * its guest: the keys to it are among its files.
 *
 * @throws {UsageError} when it stands on a file that is of this host alone; {RegistryError} when it is not taken.
 */
export async function giveKept(
  folder: string,
  registry: RegistryAddress,
  context: Context,
): Promise<KeptAddress> {
  const { settings, signal } = context;
  const kept = await readKept(folder);
  const used = new Set<string>();
  const portable = replacePaths(kept, (path) => {
    const inside = relative(settings.cacheDir, resolve(path));
    const [part = "", key = "", ...file] = inside.split(sep);
    if (!parts.has(part) || file.length === 0)
      throw new UsageError(`the kept machine stands on ${path}, which is of this host alone`);
    used.add(`${part}/${key}`);
    return `${cache}${[part, key, ...file].join("/")}`;
  });
  const own: Context = { ...context, settings: { ...settings, cacheRegistry: registry, cachePush: true } };
  await eachPart(used, own);
  const limits = { within: timeouts.registry.push, signal };
  const store = new Store(join(settings.cacheDir, "registry-packs"));
  const key = `${kind}-${keyOf([kept, folder])}`;
  const entry = await store.findOrMake(key, limits, async (dir) => {
    for (const name of await readdir(folder))
      if (name !== "kept.json") await copyFile(join(folder, name), join(dir, name));
    await writeFile(join(dir, "kept.json"), `${JSON.stringify(portable, null, 2)}\n`);
    return { keptAt: kept.keptAt, qemu: kept.qemu, kernel: kept.kernel.selector };
  });
  const tag = tagOf(kind, key.slice(kind.length + 1));
  const { digest } = await withDeadline(`the registry ${registry.text}`, limits, async (inner) => {
    const client = new RegistryClient(registry, settings.dockerConfigs, inner);
    return await step(context.progress, `give the kept machine to ${registry.text}`, async () =>
      pushEntry(client, kind, [tag], entry.dir, { signal: inner, temporary: settings.cacheDir }),
    );
  });
  await store.remove(key);
  return { reference: `${registry.text}:${tag}`, pinned: `${registry.text}@${digest}` };
}

/**
 * Fetch a kept machine from a registry, with what it stands on: then it can be revived as one that was kept here.
 *
 * @param to the folder that it comes to.
 * @throws {RegistryError} when it is not to be used; {InfraError} when it, or what it stands on, is not there.
 */
export async function takeKept(
  { address, name, digest, text }: RegistryReference,
  to: string,
  context: Context,
): Promise<void> {
  const { settings, signal } = context;
  const limits = { within: timeouts.registry.pull, signal };
  const draft = `${to}.draft`;
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    await withDeadline(`the registry ${address.text}`, limits, async (inner) => {
      const client = new RegistryClient(address, settings.dockerConfigs, inner);
      const options = { signal: inner, digest, most: mostBytes };
      const found = await step(context.progress, `fetch ${text}`, async () =>
        pullEntry(client, kind, name, draft, options),
      );
      if (!found) throw new InfraError(`${address.text} has no ${name}`);
    });
    const used = new Set<string>();
    const local = replacePaths(await readKept(draft), (path) => {
      const inside = path.startsWith(cache) ? path.slice(cache.length) : "";
      const [part = "", key = "", ...file] = inside.split("/");
      if (!isInside(inside) || !parts.has(part) || !/^\w[\w.+~-]*$/.test(key) || file.length === 0)
        throw new InfraError(`the kept machine of ${text} stands on ${path}, which is in no registry`);
      used.add(`${part}/${key}`);
      return join(settings.cacheDir, part, key, ...file);
    });
    const own: Context = {
      ...context,
      settings: { ...settings, cacheRegistry: address, takeOnly: true, cachePush: false },
    };
    await eachPart(used, own);
    await writeFile(join(draft, "kept.json"), `${JSON.stringify(local, null, 2)}\n`);
    await rename(draft, to);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Have each entry of the cache found, which gives it to the registry, or takes it from there. */
async function eachPart(used: ReadonlySet<string>, context: Context): Promise<void> {
  const limits = { within: timeouts.registry.push, signal: context.signal };
  for (const each of used) {
    const [part = "", key = ""] = each.split("/");
    await sharedStore(part, context).findOrMake(key, limits, () => {
      throw new InfraError(`${each} is gone from the cache`, {
        next: "Run the repro in the same cell once more: what a run needs is made again.",
      });
    });
  }
}

/** A kept machine with other paths of what it stands on. */
function replacePaths(kept: Kept, change: (path: string) => string): Kept {
  const { kernel, image, disks } = kept;
  const optional = (path: string | undefined): string | undefined => path && change(path);
  const files = {
    initrd: optional(kernel.initrd),
    vmlinux: optional(kernel.vmlinux),
    config: optional(kernel.config),
  };
  return keptSchema.parse(
    parseJson(
      JSON.stringify({
        ...kept,
        kernel: { ...kernel, boot: change(kernel.boot), ...files },
        image: { ...image, path: change(image.path) },
        disks: disks.map((disk) =>
          disk.kind === "layer" ? { ...disk, base: change(disk.base) } : { ...disk, path: change(disk.path) },
        ),
      }),
    ),
  );
}
