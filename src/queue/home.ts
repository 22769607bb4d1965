import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { messageOf } from "../base/errors.ts";
import { parseRegistryReference } from "../base/registry-address.ts";
import { Store } from "../base/store.ts";
import { oneLine } from "../base/text.ts";
import { timeouts } from "../base/timeouts.ts";
import { withDeadline } from "../base/wait.ts";
import { tagOf } from "../supply/registry/artifact.ts";
import { RegistryClient } from "../supply/registry/client.ts";
import { pullEntry } from "../supply/registry/pull.ts";
import { pushEntry } from "../supply/registry/push.ts";
import { mostInDatabase, mostInRegistry, packEvidence, unpackEvidence } from "./evidence.ts";
import type { Claim, Queue } from "./queue.ts";
import type { EvidenceHome, TrialOf } from "./work.ts";

/** What evidence is called among the entries of a registry. */
const kind = "evidence";
const fileName = "evidence.tgz";

/** Evidence on its way home: what the record says of it, and what goes into the database with it. */
export interface SentEvidence {
  readonly home: EvidenceHome;
  readonly bytes?: Buffer;
}

/**
 * Send a trial's evidence to where who asked finds it: the registry, where this worker may give to one; else the
 * database, in the transaction of its record.
 *
 * @throws only the signal's reason: evidence that cannot be sent stays here, and the record says so.
 */
export async function sendEvidence(claim: Claim, dir: string, context: Context): Promise<SentEvidence> {
  const { cachePush, cacheRegistry } = context.settings;
  try {
    if (cachePush && cacheRegistry) {
      const sent = await toRegistry(claim, dir, context).catch((error: unknown) => {
        context.signal.throwIfAborted();
        const why = oneLine(messageOf(error), { maxLength: 300 });
        context.progress({ type: "note", text: `the evidence goes into the database: ${why}` });
        return undefined;
      });
      if (sent) return sent;
    }
    const { bytes, left } = await packEvidence(dir, mostInDatabase);
    return { home: { type: "database", left: [...left] }, bytes };
  } catch (error) {
    context.signal.throwIfAborted();
    context.progress({ type: "note", text: `the evidence stays here: ${messageOf(error)}` });
    return { home: { type: "worker" } };
  }
}

async function toRegistry(claim: Claim, dir: string, context: Context): Promise<SentEvidence | undefined> {
  const { cacheDir, cacheRegistry: address, dockerConfigs } = context.settings;
  if (!address) return undefined;
  const { bytes, left } = await packEvidence(dir, mostInRegistry);
  // An attempt that did not count may have left its own there.
  const key = `${claim.id}-${claim.retryCount}`;
  const limits = { within: timeouts.registry.push, signal: context.signal };
  const store = new Store(join(cacheDir, "registry-packs"));
  const entry = await store.findOrMake(`${kind}-${key}`, limits, async (into) => {
    await writeFile(join(into, fileName), bytes);
    return { job: claim.id };
  });
  const { digest } = await withDeadline(`the registry ${address.text}`, limits, async (signal) => {
    const client = new RegistryClient(address, dockerConfigs, signal);
    return await pushEntry(client, kind, [tagOf(kind, key)], entry.dir, { signal, temporary: cacheDir });
  });
  await store.remove(entry.key);
  return { home: { type: "registry", reference: `${address.text}@${digest}`, left: [...left] } };
}

/** Where a trial's evidence is now, and why it is not here, where it is not. */
export interface BroughtEvidence {
  /** A folder here, or a place elsewhere. */
  readonly place: string;
  readonly why?: string;
}

/**
 * Bring a trial's evidence from wherever its worker sent it.
 *
 * @param to the folder that it goes into.
 * @throws only the signal's reason.
 */
export async function bringEvidence(
  { job, worker, result }: { readonly job: string; readonly worker: string; readonly result: TrialOf },
  to: string,
  queue: Queue,
  context: Context,
): Promise<BroughtEvidence> {
  const { home } = result;
  const elsewhere = `${worker}:${result.evidence}`;
  if (home === undefined || home.type === "worker")
    return { place: elsewhere, why: "its worker could not send it" };
  try {
    const bytes =
      home.type === "database"
        ? await queue.insist(`the queue ${queue.shown}`, context.signal, () => queue.evidenceOf(job))
        : await fromRegistry(home.reference, context);
    if (!bytes) return { place: elsewhere, why: "the database has it no longer" };
    await unpackEvidence(bytes, to);
    await writeFile(
      join(to, "evidence-of-worker.json"),
      `${JSON.stringify({ worker, place: result.evidence, ...home }, null, 1)}\n`,
    );
    return { place: to };
  } catch (error) {
    context.signal.throwIfAborted();
    const place = home.type === "registry" ? home.reference : elsewhere;
    return { place, why: oneLine(messageOf(error), { maxLength: 300 }) };
  }
}

async function fromRegistry(reference: string, context: Context): Promise<Buffer> {
  const { cacheDir, cacheRegistry, dockerConfigs } = context.settings;
  const { address, name, digest } = parseRegistryReference(reference, context.settings);
  // Who may write to the database does not say whom this host asks.
  if (address.text !== cacheRegistry?.text)
    throw new Error(`${address.text} is not the registry of DSTATE_CACHE_REGISTRY here`);
  await mkdir(cacheDir, { recursive: true });
  const dir = await mkdtemp(join(cacheDir, ".evidence-"));
  try {
    const limits = { within: timeouts.registry.pull, signal: context.signal };
    await withDeadline(`the registry ${address.text}`, limits, async (signal) => {
      const client = new RegistryClient(address, dockerConfigs, signal);
      const found = await pullEntry(client, kind, name, dir, { signal, digest, most: mostInRegistry * 2 });
      if (!found) throw new Error(`${address.text} has no ${name}`);
    });
    return await readFile(join(dir, fileName));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
