import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Ledger } from "../../src/campaign/ledger.ts";
import { ledgerPath } from "../../src/campaign/ledger-file.ts";

/** Written by dstate of 26 November 2026, before there were versions: 60 trials of 3 cells. */
const before = fileURLToPath(new URL("fixtures/ledger/version-0.sqlite", import.meta.url));
const whole = await readFile(before);
const { signal } = new AbortController();

let logsDir = "";
let path = "";
let notes: string[] = [];
beforeEach(async () => {
  logsDir = await mkdtemp(join(tmpdir(), "dstate-ledger-"));
  onTestFinished(async () => await rm(logsDir, { recursive: true, force: true }));
  path = ledgerPath({ logsDir });
  notes = [];
});
const open = async (): Promise<Ledger> =>
  await Ledger.open({
    settings: { logsDir },
    progress: (event) => void (event.type === "note" && notes.push(event.text)),
    signal,
  });

/** Everything that a campaign reads. */
const contentOf = (ledger: Ledger): unknown => ({
  cells: [0, 1, 2].map((cell) => ledger.trialsOf(`cell-${cell}`)),
  all: ledger.trialsOfDefinition("io-uring-dstate 0d1c"),
  skips: [0, 1, 2].map((cell) => ledger.skipOf(`cell-${cell}`)),
  campaign: ledger.findCampaign(),
});

const trial = {
  cell: "cell-1",
  outcome: "clean",
  summary: "",
  evidence: "",
  startedAt: "2026-11-27T08:00:00.000Z",
  took: 1,
  ranBy: "run",
} as const;

describe("a ledger of before there were versions", () => {
  test("is read whole, and goes on", async () => {
    await copyFile(before, path);
    using ledger = await open();
    const old = ledger.trialsOf("cell-1");
    expect(old).toHaveLength(20);
    expect(old[0]).toEqual({
      id: 2,
      cell: "cell-1",
      outcome: "infra-error",
      summary:
        "trial 1: SIGKILL left D: node in io_uring_del_tctx_node, iou-sqp-11 in io_sq_thread; power-off: stuck",
      evidence: "/home/user/logs/2026-11-26T10-00-01-io-uring-dstate-ab1",
      startedAt: "2026-11-26T10:00:01.000Z",
      took: 20_001,
      ranBy: "campaign",
    });
    expect(ledger.skipOf("cell-2")).toContain("Linux 6.1.117 could not be built");
    expect(ledger.findCampaign("0123")?.campaign.candidates).toHaveLength(3);
    ledger.addTrial("io-uring-dstate", trial);
    expect(ledger.trialsOf("cell-1").at(-1)).toEqual({ ...trial, id: 61 });
    expect(notes).toEqual([]);
  });

  test("can still be written by the dstate that made it", async () => {
    await copyFile(before, path);
    (await open())[Symbol.dispose]();
    {
      using earlier = new DatabaseSync(path);
      earlier.exec(
        `INSERT INTO trials (repro, cell, outcome, summary, evidence, startedAt, took)
         VALUES ('io-uring-dstate', 'cell-1', 'clean', '', '', '2026-11-27T08:00:00.000Z', 1)`,
      );
    }
    using ledger = await open();
    expect(ledger.trialsOf("cell-1").at(-1)).toEqual({ ...trial, id: 61, ranBy: "campaign" });
  });

  test("may be opened by several at once", async () => {
    await copyFile(before, path);
    const url = new URL("../../src/campaign/ledger.ts", import.meta.url).href;
    const text = `
      const { Ledger } = await import(${JSON.stringify(url)});
      const context = { settings: { logsDir: process.argv[1] }, progress: () => {}, signal: new AbortController().signal };
      using ledger = await Ledger.open(context);
      ledger.addTrial("r", ${JSON.stringify(trial)});`;
    const argv = ["--input-type=module", "-e", text, logsDir];
    const ended = [1, 2, 3, 4].map(
      async () => (await once(spawn(process.execPath, argv, { stdio: "inherit" }), "exit"))[0],
    );
    expect(await Promise.all(ended)).toEqual([0, 0, 0, 0]);
    using ledger = await open();
    expect(ledger.trialsOf("cell-1")).toHaveLength(24);
  });
});

test("a ledger of a newer dstate is refused, and stays as it is", async () => {
  {
    using newer = new DatabaseSync(path);
    newer.exec(
      "CREATE TABLE trials (id INTEGER PRIMARY KEY, cellId INTEGER) STRICT; PRAGMA user_version = 7",
    );
  }
  const bytes = await readFile(path);
  await expect(open()).rejects.toMatchObject({
    exitCode: 70,
    message: expect.stringMatching(
      /written by a newer dstate: its form has the version 7, and this one knows \d/,
    ),
    next: expect.stringContaining("DSTATE_LOGS"),
  });
  expect(await readFile(path)).toEqual(bytes);
  expect(await readdir(logsDir)).toEqual(["ledger.sqlite"]);
});

describe("a ledger that is torn", () => {
  const page = 4096;
  const pages = whole.length / page;
  const zeroed = (from: number, to: number): Buffer => Buffer.from(whole).fill(0, from, to);
  const each = (count: number, make: (index: number) => Buffer): Buffer[] =>
    Array.from({ length: count }, (_, index) => make(index));

  test.each([
    ["cut short in the middle of a page", each(pages, (index) => whole.subarray(0, index * page + 700))],
    ["cut short between two pages", each(pages - 1, (index) => whole.subarray(0, (index + 1) * page))],
    ["with a page that was never written", each(pages, (index) => zeroed(index * page, (index + 1) * page))],
    ["with an end that was never written", each(pages, (index) => zeroed(index * page, whole.length))],
    [
      "with words in its place",
      [Buffer.from("no ledger at all, but long enough to be looked at".repeat(200))],
    ],
  ])("(%s) is set aside with a sentence, or was read whole", async (_name, files) => {
    await copyFile(before, path);
    const expected = contentOf(await open());
    await rm(path, { force: true });
    let aside = 0;
    for (const bytes of files) {
      for (const name of await readdir(logsDir)) await rm(join(logsDir, name));
      notes = [];
      await writeFile(path, bytes);
      using ledger = await open();
      const set = (await readdir(logsDir)).filter((name) => name.includes(".torn-"));
      if (set.length === 0) {
        expect(contentOf(ledger)).toEqual(expected);
        expect(notes).toEqual([]);
        continue;
      }
      aside += 1;
      expect(notes).toEqual([expect.stringMatching(/^the ledger \S+ is torn \(.+\): it was set aside as /)]);
      expect(await readFile(join(logsDir, set[0] ?? ""))).toEqual(Buffer.from(bytes));
      ledger.addTrial("r", trial);
      expect(ledger.trialsOf("cell-1")).toEqual([{ ...trial, id: 1 }]);
    }
    expect(aside).toBeGreaterThanOrEqual(files.length - 1);
  });

  test("is found though it was seen whole before", async () => {
    await copyFile(before, path);
    (await open())[Symbol.dispose]();
    expect(await readFile(`${path}.whole`, "utf8")).toMatch(/^\d+ \d+ \d+\n$/);
    // Of the same size: its time tells.
    await writeFile(path, zeroed(4 * page, 5 * page));
    (await open())[Symbol.dispose]();
    expect(notes).toEqual([expect.stringContaining("is torn")]);
  });

  test("is not looked for again in a file that is the one that was seen whole, and is once a day", async () => {
    await copyFile(before, path);
    (await open())[Symbol.dispose]();
    const { atime, mtime } = await stat(path);
    const seen = await readFile(`${path}.whole`, "utf8");
    await writeFile(path, (await readFile(path)).fill(0, 4 * page, 5 * page));
    await utimes(path, atime, mtime);
    // The clock of the file system is finer than what can be set.
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    await writeFile(`${path}.whole`, `${ino} ${size} ${mtimeNs}\n`);
    expect(seen.split(" ").slice(0, 2)).toEqual([String(ino), String(size)]);
    (await open())[Symbol.dispose]();
    expect(notes).toEqual([]);
    const yesterday = new Date(Date.now() - 25 * 3_600_000);
    await utimes(`${path}.whole`, yesterday, yesterday);
    (await open())[Symbol.dispose]();
    expect(notes).toEqual([expect.stringContaining("is torn")]);
  });

  test("is set aside once, by whoever of several finds it first", async () => {
    await writeFile(path, whole.subarray(0, 3 * page));
    const ledgers = await Promise.all([open(), open(), open()]);
    for (const [index, ledger] of ledgers.entries()) {
      ledger.addTrial("r", trial);
      expect(ledger.trialsOf("cell-1")).toHaveLength(index + 1);
    }
    for (const ledger of ledgers) ledger[Symbol.dispose]();
    expect(notes).toHaveLength(1);
  });
});

test("a trial that says what no trial can say is told, and not counted as another", async () => {
  await copyFile(before, path);
  using ledger = await open();
  {
    using other = new DatabaseSync(path);
    other.exec("UPDATE trials SET outcome = 'green' WHERE id = 2");
  }
  expect(() => ledger.trialsOf("cell-1")).toThrow(/^trial 2 of the ledger \S+ cannot be read: outcome: /);
  expect(ledger.trialsOf("cell-0")).toHaveLength(20);
});

test("a folder that cannot hold a ledger is told, with what to do", async () => {
  logsDir = join(logsDir, "file");
  await writeFile(logsDir, "");
  await expect(open()).rejects.toMatchObject({
    name: "InfraError",
    message: expect.stringMatching(/^the ledger .* cannot be opened: /),
    next: expect.stringContaining("DSTATE_LOGS"),
  });
});
