import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Store } from "../../src/base/store.ts";
import { Ledger } from "../../src/campaign/ledger.ts";
import { ledgerPath } from "../../src/campaign/ledger-file.ts";
import { choosePrune, listCache, prune, verifyCache } from "../../src/lab/cache.ts";
import { findRun, listRuns, readRun } from "../../src/record/read-run.ts";

/** What earlier commits of dstate wrote; only the host and its boot are others in it. */
const earlier = (name: string): string => fileURLToPath(new URL(`fixtures/earlier/${name}`, import.meta.url));
const { signal } = new AbortController();
const limits = { within: "20s", signal } as const;
let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-earlier-"));
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
});

describe("a cache of the first dstate", () => {
  const key = "6.1.115-0123456789abcdef0123";
  beforeEach(async () => {
    await cp(earlier("store"), dir, { recursive: true });
  });

  test("is used as it is, listed, found whole, and pruned", async () => {
    const entry = await new Store(join(dir, "kernels")).findOrMake(key, limits, async () => {
      throw new Error("it was made anew");
    });
    expect(entry).toMatchObject({ about: { selector: "6.1.115", version: "6.1.115" }, bytes: 24 });
    const entries = await listCache({ cacheDir: dir });
    expect(entries).toMatchObject([{ part: "kernels", key, state: "whole", inUse: true }]);
    expect(await verifyCache(entries, { cacheDir: dir }, { signal })).toMatchObject([{ failure: undefined }]);
    await rm(join(dir, "kernels/.used"), { recursive: true });
    const free = await listCache({ cacheDir: dir });
    const due = choosePrune(free, { olderThan: 0 }, Date.now() + 1000);
    expect(await prune(due, { cacheDir: dir }, { signal })).toMatchObject([{ outcome: "removed" }]);
  });

  test("that was spoilt since is found spoilt, though other times stand in its manifest", async () => {
    await writeFile(join(dir, "kernels", key, "vmlinux"), "b kernel\n");
    await expect(new Store(join(dir, "kernels")).find(key)).rejects.toThrow("does not have the sha256");
  });
});

describe("a cache that a newer dstate shares", () => {
  const key = "6.1.129-0123456789abcdef0123";
  const root = (): string => join(dir, "kernels");
  /** What a manifest might look like one day: it says its form, and nothing else is where it was. */
  const manifest = JSON.stringify({ form: 2, name: key, content: [{ at: "vmlinux", blake3: "00" }] });
  beforeEach(async () => {
    await new Store(root()).findOrMake(key, limits, async (draft) => {
      await writeFile(join(draft, "vmlinux"), "a kernel\n");
    });
    await writeFile(join(root(), key, "manifest.json"), manifest);
    await rm(join(root(), ".used"), { recursive: true });
  });
  const asItWas = async (): Promise<void> => {
    expect((await readdir(join(root(), key))).sort()).toEqual(["manifest.json", "vmlinux"]);
    expect(await readFile(join(root(), key, "manifest.json"), "utf8")).toBe(manifest);
  };

  test("says so of an entry that is wanted, and leaves it as it is", async () => {
    const wanted = new Store(root()).findOrMake(key, limits, async () => {});
    await expect(wanted).rejects.toThrow("was written by a newer dstate: its manifest has the form 2");
    await asItWas();
    expect((await readdir(root())).filter((name) => name.startsWith(".draft"))).toEqual([]);
  });

  test("is neither called corrupt nor removed for it, and its other entries are used", async () => {
    await new Store(root()).findOrMake("mine", limits, async (draft) => {
      await writeFile(join(draft, "vmlinux"), "mine\n");
    });
    const entries = await listCache({ cacheDir: dir });
    expect(entries.map(({ key, state }) => ({ key, state }))).toEqual([
      { key, state: "whole" },
      { key: "mine", state: "whole" },
    ]);
    expect(choosePrune(entries, {}, Date.now())).toEqual([]);
    const verified = await verifyCache(entries, { cacheDir: dir }, { signal });
    expect(verified.map(({ entry, failure }) => ({ key: entry.key, failure }))).toEqual([
      { key: "mine", failure: undefined },
    ]);
    expect((await new Store(root()).list()).map((entry) => entry.key)).toEqual(["mine"]);
    await asItWas();
  });
});

describe("runs of the first dstate that had a run.json", () => {
  const finished = "2026-11-26T18-40-00-io-uring-dstate-a388";
  const killed = "2026-11-26T18-41-00-io-uring-dstate-a389";
  beforeEach(async () => {
    await cp(earlier("runs"), dir, { recursive: true });
  });

  test("are read whole, and say how they ended", async () => {
    expect(await listRuns({ logsDir: dir })).toEqual([finished, killed]);
    const { record, state } = await readRun(await findRun("a388", { logsDir: dir }));
    expect(state).toBe("finished");
    expect(record.schemaVersion).toBe(1);
    expect(record.trials.map(({ outcome, expected }) => [outcome, expected])).toEqual([
      ["reproduced", "reproduced"],
      ["clean", "clean"],
    ]);
    const open = await readRun(join(dir, killed));
    expect(open.state).toBe("killed");
    expect(open.record.trials.map(({ state, outcome }) => [state, outcome])).toEqual([
      ["ended", "reproduced"],
      ["running", undefined],
    ]);
  });

  test.each([
    ["of a newer dstate is told as such", { schemaVersion: 2 }, "newer dstate: its form has the version 2"],
    ["of a newer dstate in the first one's words is told as such", { schema: "dstate/run/7" }, "version 7"],
    ["of no dstate is told as that", { schema: undefined }, "is not what dstate writes"],
  ])("one %s", async (_what, change, words) => {
    const file = join(dir, finished, "run.json");
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), ...change }));
    await expect(readRun(join(dir, finished))).rejects.toThrow(words);
  });
});

test("a ledger of the second version is read whole, and takes a trial that another ledger had", async () => {
  const path = ledgerPath({ logsDir: dir });
  await cp(fileURLToPath(new URL("fixtures/ledger/version-2.sqlite", import.meta.url)), path);
  const notes: unknown[] = [];
  const context = { settings: { logsDir: dir }, progress: (event: unknown) => notes.push(event), signal };
  using ledger = await Ledger.open(context);
  const first = {
    id: 1,
    cell: "cell-0",
    outcome: "reproduced",
    summary: "trial 0",
    evidence: "/home/user/logs/2026-11-26T18-30-00-io-uring-dstate-ab1",
    startedAt: "2026-11-26T18:30:00.000Z",
    took: 20_000,
    ranBy: "run",
  } as const;
  expect(ledger.trialsOf("cell-0")).toHaveLength(3);
  expect(ledger.trialsOf("cell-0")[0]).toEqual(first);
  expect(ledger.trialsOfDefinition("io-uring-dstate 0d1c")).toHaveLength(3);
  expect(ledger.skipOf("cell-9")).toBe("Linux 6.1.117 could not be built");
  const { id: _id, ...trial } = first;
  for (const _time of [1, 2]) ledger.adoptTrial("io-uring-dstate", { ...trial, summary: "there" }, "run 1");
  expect(ledger.trialsOf("cell-0").map(({ summary }) => summary)).toEqual([
    "trial 0",
    "trial 2",
    "trial 4",
    "there",
  ]);
  expect(notes).toEqual([]);
});
