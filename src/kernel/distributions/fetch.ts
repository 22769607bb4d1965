import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Context } from "../../base/context.ts";
import { InfraError } from "../../base/errors.ts";
import { step } from "../../base/progress.ts";
import { formatBytes } from "../../base/size.ts";
import { keyOf, Store } from "../../base/store.ts";
import { timeouts } from "../../base/timeouts.ts";
import { verifyApk } from "../../supply/apk-repository.ts";
import { download } from "../../supply/download.ts";
import { fetchFile } from "../../supply/fetch-file.ts";
import type { IndexedPackage } from "../../supply/package-index.ts";
import { verifyDetached } from "../../supply/signature.ts";
import type { PackageFile } from "../packaged.ts";
import { placeOf } from "./index.ts";
import type { DistributionName } from "./table.ts";

/**
 * A package of a distribution on this machine, fetched and checked if it is not there.
 *
 * @throws {InfraError} when it cannot be fetched, or is not what the distribution's keys vouch for.
 */
export async function fetchPackage(
  { url, check }: IndexedPackage,
  distribution: DistributionName,
  context: Context,
): Promise<PackageFile> {
  const name = basename(new URL(url).pathname);
  if (check.type === "sha256") {
    return { name, path: await fetchFile({ name, sha256: check.sha256, urls: async () => [url] }, context) };
  }
  const store = new Store(join(context.settings.cacheDir, "downloads"));
  const limits = { within: timeouts.make.download, signal: context.signal } as const;
  const key = `${name.replace(/[^\w.+-]/g, "_")}-${keyOf([url, check])}`;
  const entry = await store.findOrMake(
    key,
    limits,
    async (dir, signal) =>
      await step(context.progress, `download ${name}`, async ({ update }) => {
        const to = join(dir, "file");
        const onProgress = ({ bytes }: { bytes: number }): void => update({ detail: formatBytes(bytes) });
        await mustGet(url, { to, signal, onProgress });
        if (check.type === "apk") await verifyApk(to, check.control, name);
        else {
          const beside = join(dir, "file.sig");
          await mustGet(check.url, { to: beside, signal });
          const { keyring } = placeOf(distribution, context);
          await verifyDetached(to, beside, { what: name, keyring, dir, signal });
          await rm(beside);
        }
        return { name, url };
      }),
  );
  return { name, path: join(entry.dir, "file") };
}

async function mustGet(url: string, options: Parameters<typeof download>[1]): Promise<void> {
  if ((await download(url, options)).type === "missing")
    throw new InfraError(`${url} is missing although it is listed`, {
      next: "The mirror may be in the middle of an update: try again in some minutes.",
    });
}
