import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { messageOf } from "../base/errors.ts";
import { step } from "../base/progress.ts";
import { formatBytes } from "../base/size.ts";
import { Store, sayMadeAnew } from "../base/store.ts";
import { timeouts } from "../base/timeouts.ts";
import { download, otherPlaces, UnreachableError } from "./download.ts";

/** Where tarballs and packages are kept: a build with another configuration needs no second download. */
function downloadStore(context: Pick<Context, "settings">): Store {
  return new Store(join(context.settings.cacheDir, "downloads"));
}

/**
 * A file of known sha256 on this machine, fetched if it is not there.
 *
 * @returns its path.
 */
export async function fetchFile(
  file: { name: string; sha256: string; urls: () => Promise<string[]> },
  context: Context,
): Promise<string> {
  const key = `${file.name.replace(/[^\w.+-]/g, "_")}-${file.sha256.slice(0, 20)}`;
  const entry = await downloadStore(context).findOrMake(
    key,
    {
      within: timeouts.make.download,
      signal: context.signal,
      onCorrupt: sayMadeAnew(context),
      onWait: () =>
        context.progress({ type: "note", text: `${file.name} is being fetched already; waiting for it` }),
    },
    async (dir, signal) =>
      await step(context.progress, `download ${file.name}`, async ({ update }) => {
        const failures: string[] = [];
        for (const url of await file.urls()) {
          try {
            const got = await download(url, {
              to: join(dir, "file"),
              sha256: file.sha256,
              signal,
              onProgress: ({ bytes, share }) =>
                update({ detail: formatBytes(bytes), ...(share === undefined ? {} : { share }) }),
            });
            if (got.type === "done") return { name: file.name, url, sha256: file.sha256 };
            failures.push(`${url} does not exist`);
          } catch (error) {
            if (!(error instanceof UnreachableError)) throw error;
            failures.push(messageOf(error));
          }
        }
        throw new UnreachableError(
          `${file.name} cannot be had: ${failures.join("; ") || "no place is known"}`,
          { next: otherPlaces },
        );
      }),
  );
  return join(entry.dir, "file");
}
