import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { lockFile } from "../../src/base/lock.ts";
import { Store } from "../../src/base/store.ts";
import { type CacheEntry, choosePrune, listCache, prune, verifyCache } from "../../src/lab/cache.ts";
import { documentIn } from "./documents.ts";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const { signal } = new AbortController();
const day = 24 * 3600_000;
let cacheDir = "";
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "dstate-cache-"));
  onTestFinished(async () => await rm(cacheDir, { recursive: true, force: true }));
});

/** An entry that nobody uses any more, and that was used so many days ago. */
async function put(part: string, key: string, days = 0): Promise<string> {
  const root = join(cacheDir, part);
  const limits = { within: "20s", signal } as const;
  const made = await new Store(root).findOrMake(key, limits, async (dir) => {
    await writeFile(join(dir, "file"), `content of ${key}`);
  });
  // As the end of this process would.
  for (const name of await readdir(join(root, ".used")))
    if (name.startsWith(`${key}@`)) await rm(join(root, ".used", name));
  const then = new Date(Date.now() - days * day);
  await utimes(join(root, ".used", key), then, then);
  return made.dir;
}

async function run(argv: readonly string[]): Promise<string> {
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const env = { ...process.env, DSTATE_CACHE: cacheDir };
  const child = spawn(process.execPath, argv, { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (text: Buffer) => {
    said += text.toString();
  });
  await new Promise((resolve) => void child.once("close", resolve));
  return said;
}

const keysOf = (entries: readonly CacheEntry[]): string[] => entries.map(({ part, key }) => `${part}/${key}`);

describe("the cache", () => {
  test("is listed with sizes on the disk, last uses, and what is corrupt or in use", async () => {
    await put("kernels", "old", 40);
    const torn = await put("snapshots", "torn");
    await rm(join(torn, "file"));
    await new Store(join(cacheDir, "images")).findOrMake("mine", { within: "20s", signal }, async (dir) => {
      const file = join(dir, "sparse");
      await writeFile(file, "x");
      const { truncate } = await import("node:fs/promises");
      await truncate(file, 2 ** 30);
    });
    const entries = await listCache({ cacheDir });
    expect(keysOf(entries)).toEqual(["snapshots/torn", "kernels/old", "images/mine"]);
    const [snapshot, kernel, image] = entries;
    expect(snapshot).toMatchObject({ state: "corrupt", inUse: false });
    expect(kernel).toMatchObject({ state: "whole", inUse: false });
    expect(Date.now() - Date.parse(kernel?.usedAt ?? "")).toBeGreaterThan(39 * day);
    expect(image).toMatchObject({ state: "whole", inUse: true });
    expect(image?.bytes).toBeLessThan(2 ** 20);
  });

  test("is pruned by each part's own age, by one age, and down to a size, the longest unused first", async () => {
    const entry = (part: string, key: string, days: number): CacheEntry => ({
      ...{ part, key, dir: "", bytes: 100, state: "whole", inUse: key.startsWith("used") },
      usedAt: new Date(1e12 - days * day).toISOString(),
    });
    const entries = [
      entry("snapshots", "a", 20),
      entry("snapshots", "b", 2),
      entry("kernels", "c", 20),
      entry("kernels", "used", 900),
      { ...entry("images", "d", 0), state: "corrupt" as const },
    ];
    const chosen = (rule: Parameters<typeof choosePrune>[1]): string =>
      choosePrune(entries, rule, 1e12)
        .map(({ key }) => key)
        .join("");
    expect(chosen({})).toBe("ad");
    expect(chosen({ olderThan: day })).toBe("abcd");
    expect(chosen({ olderThan: day, parts: ["kernels"] })).toBe("c");
    expect(chosen({ atMost: 1000 })).toBe("d");
    expect(chosen({ atMost: 300 })).toBe("ad");
    expect(chosen({ atMost: 0 })).toBe("abcd");
  });

  test("keeps what somebody uses, also when they begin just before it would go", async () => {
    await put("kernels", "mine", 400);
    const entries = await listCache({ cacheDir });
    const store = new Store(join(cacheDir, "kernels"));
    await store.findOrMake("mine", { within: "20s", signal }, async () => ({}));
    const [pruned] = await prune(entries, { cacheDir }, { signal });
    expect(pruned?.outcome).toBe("kept");
    expect(await store.find("mine")).toBeDefined();
  });

  test("keeps a tree that somebody builds in, and removes one that nobody does", async () => {
    const root = join(cacheDir, "kernel-trees");
    const { mkdir } = await import("node:fs/promises");
    for (const name of ["built", "idle"]) await mkdir(join(root, name, "objects"), { recursive: true });
    await mkdir(join(root, ".locks"));
    await using _lock = await lockFile(join(root, ".locks", "built"), { within: "5s", signal });
    const entries = await listCache({ cacheDir });
    expect(entries.map(({ key, inUse }) => [key, inUse])).toEqual([
      ["built", true],
      ["idle", false],
    ]);
    await prune(entries, { cacheDir }, { signal });
    expect((await readdir(root)).sort()).toEqual([".locks", "built"]);
  });

  test("bears two prunes at once, while others look for what goes: it is there whole, or made anew", async () => {
    const keys = Array.from({ length: 12 }, (_, index) => `k${index}`);
    await Promise.all(keys.map(async (key) => await put("workloads", key, 90)));
    const entries = await listCache({ cacheDir });
    const store = new Store(join(cacheDir, "workloads"));
    const used = keys.filter((_, index) => index % 3 === 0);
    const [one, two, ...made] = await Promise.all([
      prune(entries, { cacheDir }, { signal }),
      prune(entries.toReversed(), { cacheDir }, { signal }),
      ...used.map(
        async (key) =>
          await store.findOrMake(key, { within: "30s", signal }, async (dir) => {
            await writeFile(join(dir, "file"), `content of ${key}`);
          }),
      ),
    ]);
    expect([one.length, two.length]).toEqual([12, 12]);
    for (const { dir, key } of made)
      expect(await readFile(join(dir, "file"), "utf8")).toBe(`content of ${key}`);
    expect((await store.keys()).sort()).toEqual(used.toSorted());
    expect((await readdir(store.root)).filter((name) => name.startsWith(".draft"))).toEqual([]);
  });

  test("that has one flipped bit, at the same time of change, is found by verify and by nothing else", async () => {
    const dir = await put("images", "flipped");
    await put("images", "good");
    const file = join(dir, "file");
    execFileSync("cp", ["--preserve=timestamps", file, `${file}.clock`]);
    const bytes = await readFile(file);
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    await writeFile(file, bytes);
    execFileSync("touch", ["--reference", `${file}.clock`, file]);
    const entries = await listCache({ cacheDir });
    expect(entries.map(({ state }) => state)).toEqual(["whole", "whole"]);
    const found = await verifyCache(entries, { cacheDir }, { signal });
    expect(found.map(({ entry, failure }) => [entry.key, failure !== undefined])).toEqual([
      ["flipped", true],
      ["good", false],
    ]);
  });

  test("is told, pruned and verified by its command, with documents", async () => {
    await put("kernels", "old", 400);
    await put("kernels", "new");
    const list = documentIn("cache list", await run([bin, "cache", "--json"]));
    expect(list.entries.map(({ key }) => key)).toEqual(["new", "old"]);
    const dry = documentIn("cache prune", await run([bin, "cache", "prune", "--dry-run", "--json"]));
    expect(dry.pruned.map(({ entry }) => entry.key)).toEqual(["old"]);
    expect((await listCache({ cacheDir })).length).toBe(2);
    const done = documentIn("cache prune", await run([bin, "cache", "prune", "--json"]));
    expect(done).toMatchObject({ dryRun: false, freed: dry.freed });
    expect(keysOf(await listCache({ cacheDir }))).toEqual(["kernels/new"]);
    expect(documentIn("cache verify", await run([bin, "cache", "verify", "--json"]))).toMatchObject({
      corrupt: 0,
    });
  });
});
