import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { InfraError } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import type { RegistryAddress, RegistryReference } from "../base/registry-address.ts";
import { keyOf, Store } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import { tagOf } from "../supply/registry/artifact.ts";
import { RegistryClient } from "../supply/registry/client.ts";
import { pullEntry } from "../supply/registry/pull.ts";
import { pushEntry } from "../supply/registry/push.ts";
import { mostPacked, type Packed } from "./pack.ts";

/** What packs are called among the entries of a registry, and the folder of the cache for those that pass through. */
const kind = "pack";
const folder = "registry-packs";
const fileName = "pack.dstate";

/** Where a pack is to be had. */
export interface PackAddress {
  /** By name: `oci://ghcr.io/me/cache:pack.io-uring-dstate-0123456789ab`. */
  readonly reference: string;
  /** The same by content. */
  readonly pinned: string;
  /** Whether the registry had it already. */
  readonly known: boolean;
}

/**
 * Give a registry a pack, with its signature where it has one.
 *
 * @throws {RegistryError} when it does not take it.
 */
export async function pushPack(
  { bytes, id, manifest }: Packed,
  signature: string | undefined,
  address: RegistryAddress,
  context: Context,
): Promise<PackAddress> {
  const signed = signature === undefined ? "" : `-signed-${keyOf(signature).slice(0, 8)}`;
  const key = `${manifest.about.id}-${id.slice(0, 12)}${signed}`;
  const limits = { within: timeouts.registry.push, signal: context.signal };
  const entry = await packStore(context).findOrMake(key, limits, async (dir) => {
    await writeFile(join(dir, fileName), bytes);
    if (signature !== undefined) await writeFile(join(dir, `${fileName}.minisig`), signature);
    return { id };
  });
  const tag = tagOf(kind, key);
  const { digest, given } = await withDeadline(`the registry ${address.text}`, limits, async (signal) => {
    const client = new RegistryClient(address, context.settings.dockerConfigs, signal);
    const options = { signal, temporary: context.settings.cacheDir };
    return await step(context.progress, `give the pack to ${address.text}`, async () =>
      pushEntry(client, kind, [tag], entry.dir, options),
    );
  });
  return { reference: `${address.text}:${tag}`, pinned: `${address.text}@${digest}`, known: !given };
}

/**
 * Fetch a pack from a registry. What comes is checked as everything that comes from one is; whether it is a pack is
 * for {@link file://./unpack.ts} to say.
 *
 * @returns the pack's file; its signature, where it has one, lies beside it.
 * @throws {RegistryError} when it is not to be used; {InfraError} when there is none.
 */
export async function pullPack(reference: RegistryReference, context: Context): Promise<string> {
  const { address, name, digest, text } = reference;
  const limits = { within: timeouts.registry.pull, signal: context.signal };
  // A tag may name another pack tomorrow: it is asked each time.
  const store = packStore(context);
  const key = keyOf([text, digest === undefined ? Date.now() : digest]);
  const entry = await store.findOrMake(key, limits, async (dir, signal) => {
    const client = new RegistryClient(address, context.settings.dockerConfigs, signal);
    const options = { signal, digest, most: mostPacked * 2 };
    const found = await step(context.progress, `fetch ${text}`, async () =>
      pullEntry(client, kind, name, dir, options),
    );
    if (!found)
      throw new InfraError(`${address.text} has no ${name}`, {
        next: "`dstate pack --push` prints where a pack is.",
      });
    return found.about;
  });
  return join(entry.dir, fileName);
}

function packStore({ settings }: Pick<Context, "settings">): Store {
  return new Store(join(settings.cacheDir, folder));
}
