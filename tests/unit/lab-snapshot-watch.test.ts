import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import { snapshotStore, watchSnapshot } from "../../src/lab/snapshot.ts";

test("a frozen machine that was written to by one that began with it is removed, and told; another stays", async () => {
  const cacheDir = await mkdtemp(join(tmpdir(), "dstate-watch-"));
  onTestFinished(async () => await rm(cacheDir, { recursive: true, force: true }));
  const told: string[] = [];
  const context = {
    settings: { ...readSettings(), cacheDir },
    progress: (event: object) => void told.push(JSON.stringify(event)),
    signal: new AbortController().signal,
  };
  const store = snapshotStore(context);
  const put = async (key: string): Promise<{ dir: string }> =>
    await store.findOrMake(key, { within: "20s", signal: context.signal }, async (dir) => {
      await writeFile(join(dir, "memory"), "memory");
    });
  const [good, written] = [await put("good"), await put("written")];
  const ends = [await watchSnapshot(good, context), await watchSnapshot(written, context)];
  await appendFile(join(written.dir, "memory"), "of a hostile guest");
  for (const ended of ends) await ended();
  expect(await store.keys()).toEqual(["good"]);
  expect(told).toEqual([expect.stringContaining("wrote to the frozen memory")]);
});
