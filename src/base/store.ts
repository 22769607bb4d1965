import { createHash, randomUUID } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "./context.ts";
import type { Within } from "./deadline.ts";
import { besideEarlierVersions } from "./earlier-lock.ts";
import { InfraError, messageOf } from "./errors.ts";
import { sha256OfFile } from "./hash-file.ts";
import { lockFile } from "./lock.ts";
import { onProcessExit } from "./on-exit.ts";
import { isAlive, ownerOf, ownIdentity } from "./owner.ts";
import { parseJson } from "./parse-json.ts";
import { corrupt, ifCorrupt, NewerEntryError, NotThereError } from "./store-errors.ts";
import {
  type FileRecord,
  type Manifest,
  manifestSchema,
  newerForm,
  type OtherPlace,
} from "./store-manifest.ts";
import { timeouts } from "./timeouts.ts";
import { forgetUses, isUsed, markUse } from "./uses.ts";
import { withDeadline } from "./wait.ts";

/** A finished entry of a store: a folder whose files are known by size and sha256. */
export interface StoreEntry {
  readonly key: string;
  readonly dir: string;
  readonly createdAt: string;
  readonly about: unknown;
  readonly bytes: number;
}

export interface MakeOptions {
  readonly within: Within;
  readonly signal: AbortSignal;
  /** Told once when the same entry is being made by somebody else, in this process or another, and we wait for it. */
  readonly onWait?: (() => void) | undefined;
  /** Another name under which the store's {@link OtherPlace} may have an entry that is as good, with another key. */
  readonly alias?: string | undefined;
  /** Told why an entry that was there is made anew. */
  readonly onCorrupt?: ((why: string) => void) | undefined;
}

/** Says that an entry is made anew, and why: what {@link MakeOptions.onCorrupt} is for. */
export function sayMadeAnew({ progress }: Pick<Context, "progress">): (why: string) => void {
  return (why) => progress({ type: "note", text: `${why}; it is made anew` });
}

const manifestName = "manifest.json";

/** Who makes a draft. */
const ownerFile = ".owner.json";

/**
 * A folder of entries, each known by a key made from everything it depends on. An entry appears by one rename
 * when it is whole, so a download or a build that was cut short is never taken for a finished one.
 */
export class Store {
  readonly root: string;
  readonly #elsewhere: OtherPlace | undefined;
  readonly #takeOnly: boolean;

  /**
   * @param elsewhere where to look for an entry before it is made.
   * @param options.takeOnly make none: what is in neither place is not there.
   */
  constructor(
    root: string,
    elsewhere?: OtherPlace | undefined,
    options: { readonly takeOnly?: boolean } = {},
  ) {
    this.root = root;
    this.#elsewhere = elsewhere;
    this.#takeOnly = options.takeOnly === true;
  }

  /**
   * A finished entry, or undefined when there is none. A file whose size or time changed since is hashed again.
   *
   * @throws {InfraError} when the entry is there but is not what was put there, or a newer dstate wrote it.
   */
  async find(key: string): Promise<StoreEntry | undefined> {
    try {
      return await this.#read(key, "as far as it changed");
    } catch (error) {
      // It was moved away while it was looked at: see `discard`.
      if (error instanceof InfraError && !(await exists(join(this.root, key, manifestName)))) {
        if (!(await exists(join(this.root, key)))) return undefined;
      }
      throw error;
    }
  }

  /**
   * Hash every file of an entry, changed or not.
   *
   * @throws {InfraError} when one is not what was stored.
   */
  async verify(key: string): Promise<StoreEntry | undefined> {
    return await this.#read(key, "all of it");
  }

  async #read(key: string, hash: "as far as it changed" | "all of it"): Promise<StoreEntry | undefined> {
    const dir = join(this.root, key);
    let text: string;
    try {
      text = await readFile(join(dir, manifestName), "utf8");
    } catch (error) {
      if (isMissing(error)) {
        if (!(await exists(dir))) return undefined;
        throw corrupt(dir, "its manifest.json is missing");
      }
      throw error;
    }
    const written = parseJson(text);
    const newer = newerForm(written);
    if (newer !== undefined) throw new NewerEntryError(dir, newer);
    const parsed = manifestSchema.safeParse(written);
    if (!parsed.success) throw corrupt(dir, "its manifest.json is not readable");
    let bytes = 0;
    for (const file of parsed.data.files) {
      const path = join(dir, file.path);
      // A Node release has five thousand: to wait for each takes twenty times as long.
      const found = statSync(path, { throwIfNoEntry: false });
      if (!found) throw corrupt(dir, `${file.path} is missing`);
      if (found.size !== file.size) {
        throw corrupt(dir, `${file.path} should be ${file.size} bytes and is ${found.size}`);
      }
      const isDoubted = hash === "all of it" || found.mtimeMs !== file.mtimeMs;
      if (isDoubted && (await sha256OfFile(path)) !== file.sha256) {
        throw corrupt(dir, `${file.path} does not have the sha256 ${file.sha256} it was stored with`);
      }
      bytes += file.size;
    }
    return { key, dir, createdAt: parsed.data.createdAt, about: parsed.data.about, bytes };
  }

  /**
   * The entry, made now if it is not there. `make` fills an empty folder and returns what the entry is about.
   * Of several processes that want the same entry one makes it and the others wait. A corrupt one is made anew. This
   * process is said to use it from now on.
   *
   * @throws whatever `make` throws, with nothing left behind; {@link NotThereError} where nothing is to be made.
   */
  async findOrMake(
    key: string,
    options: MakeOptions,
    make: (dir: string, signal: AbortSignal) => Promise<unknown>,
  ): Promise<StoreEntry> {
    // Half-made things are removed by whoever makes them: that is waited for.
    const race = { within: options.within, signal: options.signal, grace: timeouts.make.cleanUp } as const;
    return await withDeadline(`the cache entry ${key}`, race, async (signal) => {
      const names = [key, ...(options.alias === undefined ? [] : [options.alias])];
      await markUse(this.root, key);
      const present = await this.find(key).catch(ifCorrupt);
      if (present) {
        await this.#elsewhere?.push(names, present.dir, signal);
        return present;
      }
      const locks = join(this.root, ".locks");
      await mkdir(locks, { recursive: true });
      await this.sweep();
      // Who only takes makes nothing that anybody would wait for: it looks, and gives the lock back.
      const onWait = this.#takeOnly ? undefined : options.onWait;
      await using _lock = await lockFile(join(locks, key), { within: options.within, onWait, signal });
      const meanwhile = await this.find(key).catch(async (error: unknown) => {
        ifCorrupt(error);
        options.onCorrupt?.(messageOf(error));
        await this.remove(key);
        return undefined;
      });
      if (meanwhile) return meanwhile;
      const own = ownIdentity();
      let made = key;
      const draft = join(this.root, `.draft-${own.pid}-${own.startTime}-${randomUUID()}`);
      using _onExit = onProcessExit(() => rmSync(draft, { recursive: true, force: true }));
      try {
        await mkdir(draft);
        const owner = join(draft, ownerFile);
        await writeFile(owner, JSON.stringify(own));
        const earlier = { owner, signal, onWait };
        await using _earlier = await besideEarlierVersions(join(this.root, `.lock-${key}`), earlier);
        const theirs = await this.find(key);
        if (theirs) return theirs;
        const pulled = await this.#elsewhere?.pull(names, draft, signal);
        if (!pulled && this.#takeOnly)
          throw new NotThereError(`${key} is neither in the cache nor in a registry`);
        const about = pulled ? pulled.about : await make(draft, signal);
        signal.throwIfAborted();
        await rm(owner);
        made = pulled?.key ?? key;
        if (made !== key) await markUse(this.root, made);
        if (pulled) await writeManifest(draft, pulled);
        else await seal(draft, key, about);
        await this.#publish(draft, made);
        if (!pulled) await this.#elsewhere?.push(names, join(this.root, made), signal);
      } finally {
        await rm(draft, { recursive: true, force: true });
      }
      const entry = await this.find(made);
      if (!entry) throw new InfraError(`the cache entry ${made} vanished while it was made`);
      return entry;
    });
  }

  /** Every finished entry; corrupt ones are left out. */
  async list(): Promise<StoreEntry[]> {
    const entries: StoreEntry[] = [];
    for (const name of await this.keys()) {
      const entry = await this.find(name).catch(() => undefined);
      if (entry) entries.push(entry);
    }
    return entries;
  }

  /** The keys of all entries, whole or corrupt. */
  async keys(): Promise<string[]> {
    const names = await readdir(this.root).catch(() => [] as string[]);
    return names.filter((name) => !name.startsWith(".")).sort();
  }

  /** Remove an entry, whole or corrupt, whoever uses it: what has its files open keeps them. */
  async remove(key: string): Promise<void> {
    const away = await this.#moveAway(key);
    if (away !== undefined) await rm(away, { recursive: true, force: true });
  }

  /**
   * Remove an entry unless somebody uses it. Several may do so at once, and others look for the entry meanwhile: they
   * find it whole, or not at all.
   */
  async discard(key: string): Promise<"removed" | "used" | "gone"> {
    if (await isUsed(this.root, key)) return "used";
    const away = await this.#moveAway(key);
    if (away === undefined) return "gone";
    // Who came between has said so before looking for it.
    if ((await isUsed(this.root, key)) && (await this.#putBack(away, key))) return "used";
    await rm(away, { recursive: true, force: true });
    await forgetUses(this.root, key);
    return "removed";
  }

  async #moveAway(key: string): Promise<string | undefined> {
    const { pid, startTime } = ownIdentity();
    // Named as a draft: whatever is left of it is swept with those.
    const away = join(this.root, `.draft-${pid}-${startTime}-${randomUUID()}`);
    try {
      await rename(join(this.root, key), away);
      return away;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #putBack(away: string, key: string): Promise<boolean> {
    return await rename(away, join(this.root, key)).then(
      () => true,
      // It was made anew meanwhile.
      () => false,
    );
  }

  /** Remove what processes that are gone left half made, or half removed. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.root).catch(() => [] as string[])) {
      if (!name.startsWith(".draft-")) continue;
      const dir = join(this.root, name);
      const owner = ownerOf(await readFile(join(dir, ownerFile), "utf8").catch(() => ""));
      const [, pid, startTime] = /^\.draft-(\d+)-(\d+)-/.exec(name) ?? [];
      const own = ownIdentity();
      const alive = owner
        ? isAlive(owner)
        : isAlive({ pid: Number(pid), startTime: startTime ?? "", boot: own.boot });
      if (!alive) await rm(dir, { recursive: true, force: true });
    }
  }

  /** An earlier version of dstate, which knows another lock, may have made the same entry meanwhile. */
  async #publish(draft: string, key: string): Promise<void> {
    try {
      await rename(draft, join(this.root, key));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOTEMPTY")) throw error;
    }
  }
}

/** The regular files of an entry's folder with what they are. */
export async function describeFiles(dir: string): Promise<FileRecord[]> {
  const files: FileRecord[] = [];
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = join(entry.parentPath, entry.name);
    const path = full.slice(dir.length + 1);
    if (path === ownerFile) continue;
    const { size, mtimeMs } = statSync(full);
    files.push({ path, size, mtimeMs, sha256: await sha256OfFile(full) });
  }
  return files;
}

async function seal(draft: string, key: string, about: unknown): Promise<void> {
  const files = await describeFiles(draft);
  await writeManifest(draft, { key, createdAt: new Date().toISOString(), about: about ?? null, files });
}

async function writeManifest(draft: string, manifest: Manifest): Promise<void> {
  const handle = await open(join(draft, manifestName), "wx");
  try {
    await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * A short, stable name for a set of facts: sha256 of their JSON, first 20 hex digits.
 *
 * @example keyOf({ version: "6.1.115", config: "..." })
 */
export function keyOf(facts: unknown): string {
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, 20);
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
