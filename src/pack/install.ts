import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "../base/context.ts";
import { sha256OfFile } from "../base/hash-file.ts";
import { Store } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { reproFiles } from "../record/repro-files.ts";
import { type FoundRepro, findRepro } from "../repro/find.ts";
import { packsFolder } from "../repro/own-library.ts";
import type { Pack } from "./unpack.ts";

/** A file of a pack that is loaded or read on the host. */
export interface HostFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** It is loaded as code, with all the rights of the user. */
  readonly code: boolean;
}

/** What of a pack this host would load: its repro's modules, and files that they may read. */
export function hostFiles({ manifest }: Pick<Pack, "manifest">): HostFile[] {
  return Object.entries(manifest.files)
    .filter(([path]) => path.startsWith("repro/"))
    .map(([path, { sha256, bytes }]) => ({
      path: path.slice("repro/".length),
      bytes,
      sha256,
      // What is below `workload` is only copied into the guest.
      code: /\.[cm]?[jt]s$/.test(path) && !path.startsWith("repro/workload/"),
    }));
}

/** The repro of this dstate or this folder that is the packed one to the last byte: nobody else's code then. */
export async function knownRepro(pack: Pack): Promise<FoundRepro | undefined> {
  const found = await findRepro(pack.manifest.about.id).catch(() => undefined);
  if (!found) return undefined;
  const root = dirname(found.file);
  const own = await reproFiles(found.file);
  const packed = hostFiles(pack);
  if (own.length !== packed.length) return undefined;
  for (const { path, sha256 } of packed)
    if (!own.includes(path) || (await sha256OfFile(join(root, path))) !== sha256) return undefined;
  return found;
}

/** Put a pack's repro into the cache and load it. From here on its code runs on this host. */
export async function installRepro(pack: Pack, context: Context): Promise<FoundRepro> {
  const store = new Store(join(context.settings.cacheDir, packsFolder));
  const { signal } = context;
  const limits = { within: timeouts.host.ask, signal };
  const entry = await store.findOrMake(pack.id.slice(0, 32), limits, async (dir) => {
    for (const { path } of hostFiles(pack)) {
      const to = join(dir, "repro", path);
      await mkdir(dirname(to), { recursive: true });
      await writeFile(to, pack.files.get(`repro/${path}`) ?? "");
    }
    // A folder without a package.json may lie below one that says otherwise.
    if (!pack.files.has("repro/package.json"))
      await writeFile(join(dir, "package.json"), '{"type":"module"}\n');
    return { run: pack.manifest.run };
  });
  return await findRepro(join(entry.dir, "repro", pack.manifest.definition));
}
