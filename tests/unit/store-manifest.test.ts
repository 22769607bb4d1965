import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Store } from "../../src/base/store.ts";
import { createdAt } from "../../src/base/store-manifest.ts";

test("when an entry was made is read from the first lines of its manifest, and from nothing else", async () => {
  const root = await mkdtemp(join(tmpdir(), "dstate-manifest-test-"));
  onTestFinished(async () => await rm(root, { recursive: true }));
  const limits = { within: "1m", signal: new AbortController().signal } as const;
  const entry = await new Store(root).findOrMake("an-entry", limits, async (dir) => {
    await writeFile(join(dir, "file"), "text");
    return { createdAt: "never" };
  });
  expect(await createdAt(entry.dir)).toBe(entry.createdAt);
  expect(await createdAt(root)).toBeUndefined();
  await writeFile(join(root, "manifest.json"), '{ "createdAt": "yesterday" }');
  expect(await createdAt(root)).toBeUndefined();
});
