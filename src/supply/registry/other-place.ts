import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Context } from "../../base/context.ts";
import { messageOf } from "../../base/errors.ts";
import { lockFile } from "../../base/lock.ts";
import { parseJson } from "../../base/parse-json.ts";
import { step } from "../../base/progress.ts";
import { Store } from "../../base/store.ts";
import type { OtherPlace } from "../../base/store-manifest.ts";
import { oneLine } from "../../base/text.ts";
import { timeouts } from "../../base/timeouts.ts";
import { withDeadline } from "../../base/wait.ts";
import { tagOf } from "./artifact.ts";
import { RegistryClient, RegistryError } from "./client.ts";
import { pullEntry } from "./pull.ts";
import { pushEntry } from "./push.ts";

/** A registry that did not answer is not asked again for so long, in milliseconds: each time would cost its deadline. */
const quiet = 60_000;

const troubleSchema = z.object({ registry: z.string(), at: z.number() });

/**
 * The store of a kind of the cache, which looks into the user's registry before something is made, where the user
 * named one.
 *
 * @example sharedStore("kernels", context)
 */
export function sharedStore(
  kind: string,
  context: Pick<Context, "settings"> & Partial<Pick<Context, "progress">>,
): Store {
  const { cacheDir, takeOnly } = context.settings;
  return new Store(join(cacheDir, kind), registryPlace(kind, context), { takeOnly });
}

function registryPlace(
  kind: string,
  { settings, progress = () => {} }: Pick<Context, "settings"> & Partial<Pick<Context, "progress">>,
): OtherPlace | undefined {
  const { cacheRegistry: address, cacheDir, cachePush, dockerConfigs } = settings;
  if (address === undefined) return undefined;
  const troubleFile = join(cacheDir, ".registry-trouble.json");
  const isQuiet = async (): Promise<boolean> => {
    const trouble = troubleSchema.safeParse(parseJson(await readFile(troubleFile, "utf8").catch(() => "")));
    return trouble.success && trouble.data.registry === address.text && Date.now() - trouble.data.at < quiet;
  };
  const tell = async (error: unknown, then: string): Promise<void> => {
    const why = oneLine(messageOf(error), { maxLength: 600 });
    progress({ type: "note", text: `the registry ${address.text} is of no use: ${why}; ${then}` });
    if (error instanceof RegistryError && error.kind === "refused") return;
    await mkdir(cacheDir, { recursive: true });
    await writeFile(troubleFile, JSON.stringify({ registry: address.text, at: Date.now() }));
  };
  return {
    pull: async (names, dir, signal) => {
      if (await isQuiet()) return undefined;
      const [key = ""] = names;
      try {
        const limits = { within: timeouts.registry.pull, signal };
        return await withDeadline(`the registry ${address.text}`, limits, async (inner) => {
          const client = new RegistryClient(address, dockerConfigs, inner);
          return await step(progress, `look for ${key} in ${address.text}`, async (told) => {
            for (const name of names) {
              const onShare = (share: number): void => told.update({ share });
              const entry = await pullEntry(client, kind, tagOf(kind, name), dir, { signal: inner, onShare });
              if (!entry) continue;
              told.conclude("pulled");
              return entry;
            }
            told.conclude("not there");
            return undefined;
          });
        });
      } catch (error) {
        signal.throwIfAborted();
        await empty(dir);
        await tell(error, `${key} is made here`);
        return undefined;
      }
    },
    push: async (names, dir, signal) => {
      if (!cachePush) return;
      const [key = ""] = names;
      const tags = names.map((name) => tagOf(kind, name));
      const known = join(
        cacheDir,
        ".pushed",
        createHash("sha256").update(`${address.text} ${tags[0]}`).digest("hex"),
      );
      if (existsSync(known) || (await isQuiet())) return;
      try {
        const limits = { within: timeouts.registry.push, signal };
        await mkdir(join(cacheDir, ".pushed"), { recursive: true });
        // Cells of one campaign have parts in common: one of them gives, and the others find that it did.
        await using _lock = await lockFile(`${known}.lock`, limits);
        if (existsSync(known)) return;
        await withDeadline(`the registry ${address.text}`, limits, async (inner) => {
          const client = new RegistryClient(address, dockerConfigs, inner);
          await step(progress, `give ${key} to ${address.text}`, async (told) => {
            const options = { signal: inner, temporary: cacheDir };
            const { given } = await pushEntry(client, kind, tags, dir, options);
            told.conclude(given ? "pushed" : "it has it");
          });
        });
        await writeFile(known, "");
      } catch (error) {
        signal.throwIfAborted();
        await tell(error, `${key} is not there for others`);
      }
    },
  };
}

/** What a pull that failed has left; who makes the folder keeps a file of its own in it. */
async function empty(dir: string): Promise<void> {
  for (const name of await readdir(dir))
    if (name !== ".owner.json") await rm(join(dir, name), { recursive: true, force: true });
}
