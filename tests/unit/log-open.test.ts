import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { compressionOf } from "../../src/log/decompress.ts";
import { openLog, openLogFile } from "../../src/log/open.ts";
import { type LogReport, readLog } from "../../src/log/read.ts";

const { signal } = new AbortController();
const log = readFileSync(new URL("./fixtures/kernel-log/kasan.txt", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "dstate-test-"));
afterAll(() => rmSync(dir, { recursive: true }));

async function readFrom(data: Uint8Array): Promise<LogReport> {
  const path = join(dir, "a.log");
  writeFileSync(path, data);
  return await readLog(await openLogFile(path, { signal }), { signal });
}

const has = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;

const packers = [
  { name: "gzip", pack: (data: Buffer): Buffer => gzipSync(data), here: true },
  ...[["xz", "-c"] as const, ["zstd", "-qc"] as const, ["bzip2", "-c"] as const, ["lz4", "-qc"] as const].map(
    ([name, ...args]) => ({
      name,
      pack: (data: Buffer): Buffer => spawnSync(name, args, { input: data }).stdout,
      here: has(name),
    }),
  ),
];

describe.each(packers.filter(({ here }) => here))("a log packed by $name", ({ name, pack }) => {
  test("is known by its first bytes, whatever its name", async () => {
    const report = await readFrom(pack(log));
    expect(report).toMatchObject({ compression: name, lines: 37, bytes: log.length, total: 1 });
  });

  test("comes in pieces of any size", async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for (const byte of pack(log)) yield Uint8Array.of(byte);
    }
    const report = await readLog(await openLog("a pipe", bytes(), { signal }), { signal });
    expect(report).toMatchObject({ compression: name, lines: 37, total: 1 });
  });

  test("may be several that were joined", async () => {
    expect(await readFrom(Buffer.concat([pack(log), pack(log)]))).toMatchObject({ lines: 74, total: 2 });
  });

  test("is damaged when it was cut short, and not merely shorter", async () => {
    const packed = pack(log);
    const cut = readFrom(packed.subarray(0, packed.length - 20));
    await expect(cut).rejects.toThrow(UsageError);
    await expect(cut).rejects.toThrow(`is damaged: its ${name} data cannot be unpacked`);
  });
});

describe("a text", () => {
  test("that begins like a packed log is a text", async () => {
    expect(compressionOf(Buffer.from("BZh9 is what bzip2 writes first"))).toBeUndefined();
    expect(await readFrom(Buffer.concat([Buffer.from("BZh9\n"), log]))).toMatchObject({
      lines: 38,
      total: 1,
    });
  });

  test.each(["little", "big"])("in UTF-16 of %s endian order is read as well", async (order) => {
    const little = Buffer.from(`\ufeff${log.toString("utf8")}`, "utf16le");
    expect(await readFrom(order === "little" ? little : little.swap16())).toMatchObject({
      lines: 37,
      total: 1,
    });
  });

  test("may be empty, or end in the middle of a line", async () => {
    expect(await readFrom(Buffer.alloc(0))).toMatchObject({ lines: 0, bytes: 0, total: 0 });
    expect(await readFrom(Buffer.from("one\ntwo"))).toMatchObject({ lines: 2, total: 0 });
  });
});

describe("any bytes", () => {
  test("are a log, or a damaged one; nothing else happens", async () => {
    const magic = [
      "1f8b08",
      "28b52ffd",
      "fd377a585a00",
      "425a6839314159265359",
      "04224d18",
      "fffe",
      "feff",
      "",
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...magic), fc.uint8Array({ maxLength: 300 }), async (head, rest) => {
        const report = await readFrom(Buffer.concat([Buffer.from(head, "hex"), rest])).catch(
          (error: unknown) => error,
        );
        if (report instanceof Error) expect(report.message).toMatch(/is damaged|is not installed/);
        else expect(report).toMatchObject({ omitted: 0 });
      }),
      { numRuns: 25 },
    );
  });
});

describe("an interruption", () => {
  test("ends the reading of a log that says no more", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("a first line that is long enough\n");
      controller.abort(reason);
      await new Promise(() => {});
    }
    const reading = openLog("a pipe", silent(), { signal: controller.signal }).then(
      async (opened) => await readLog(opened, { signal: controller.signal }),
    );
    await expect(reading).rejects.toBe(reason);
  });
});
