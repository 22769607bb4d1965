import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { type Finding, KernelLogParser, parseKernelLog } from "../../src/kernel-log/kernel-log.ts";
import { renderLog } from "../../src/report/kernel-log.ts";
import { logDocument } from "../../src/report/log-document.ts";
import { reportOf } from "./read-log.ts";

// Hundreds of logs a test: a busy machine takes its time over them.
vi.setConfig({ testTimeout: 120_000 });

const folder = new URL("./fixtures/kernel-log/", import.meta.url);
const fixtures = readdirSync(folder).map((file) => readFileSync(new URL(file, folder)));
const lines = fixtures.flatMap((bytes) => bytes.toString("utf8").split("\n"));

/** A log that is partly real: real lines in any order, cut, joined, and with anything in between. */
const mixed = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...lines) },
      fc.tuple(fc.constantFrom(...lines), fc.nat(80)).map(([line, length]) => line.slice(length)),
      fc.tuple(fc.constantFrom(...lines), fc.string({ unit: "binary" })).map(([line, text]) => line + text),
      fc.constantFrom("\x1b]", "\x1b[31m", "\r", "\u202e", "\ud800", "", "[   12.345678] ", "\x00"),
      fc.string({ unit: "binary" }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join("\n"));

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  mixed.map((text) => new TextEncoder().encode(text)),
  fc
    .tuple(fc.constantFrom(...fixtures), fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { maxLength: 40 }))
    .map(([fixture, changes]) => {
      const copy = Uint8Array.from(fixture);
      for (const [index, value] of changes) if (index < copy.length) copy[index] = value;
      return copy;
    }),
);

function parsePieces(log: Uint8Array, cuts: readonly number[]): Finding[] {
  const parser = new KernelLogParser();
  const findings: Finding[] = [];
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.max(from, cut % (log.length + 1));
    findings.push(...parser.push(log.subarray(from, to)));
    from = to;
  }
  findings.push(...parser.push(log.subarray(from)), ...parser.end());
  return findings.sort((a, b) => a.firstLine - b.firstLine);
}

describe("hostile logs", () => {
  test("any bytes in any pieces give the same findings as the whole, and never an error", () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(5000), { maxLength: 12 }), (log, cuts) => {
        expect(parsePieces(log, cuts)).toEqual(parsePieces(log, []));
      }),
      { numRuns: 500 },
    );
  });

  test("what a coverage-guided fuzzer found gives the same findings in any pieces", () => {
    const found = new URL("./fixtures/fuzzed/", import.meta.url);
    for (const file of readdirSync(found)) {
      const log = readFileSync(new URL(file, found));
      for (let cut = 0; cut < log.length; cut += 42)
        expect(parsePieces(log, [cut, log.length >> 1])).toEqual(parsePieces(log, []));
    }
  });

  test("what a coverage-guided fuzzer found is printed without control characters", async () => {
    const found = new URL("./fixtures/fuzzed/", import.meta.url);
    for (const file of readdirSync(found)) {
      const report = await reportOf(readFileSync(new URL(file, found)));
      expect(JSON.stringify(logDocument(report)).replaceAll("\\n", "")).not.toMatch(/\\u00[01]/);
    }
  });

  test("each fixture gives the same findings byte by byte", () => {
    for (const fixture of fixtures) {
      const every = Array.from(fixture.keys());
      expect(parsePieces(fixture, every)).toEqual(parseKernelLog(fixture.toString("utf8")));
    }
  });

  test("nothing that dstate dmesg prints of any bytes holds a control character", async () => {
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 200 }), fc.boolean(), async (log, width, full) => {
        const report = await reportOf(log);
        const strings = JSON.stringify(logDocument(report)).replaceAll("\\n", "");
        expect(strings).not.toMatch(/\\u00[01]|\\ud[89a-f]|\\[rtbf]|[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/);
        expect(renderLog(report, { width, full })).not.toMatch(
          /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/,
        );
      }),
      { numRuns: 500 },
    );
  });

  test("lines and frames of a finding stay within its log", () => {
    fc.assert(
      fc.property(mixed, (log) => {
        const count = log.split("\n").length;
        for (const finding of parseKernelLog(log)) {
          expect(finding.firstLine).toBeGreaterThanOrEqual(1);
          expect(finding.lastLine).toBeGreaterThanOrEqual(finding.firstLine);
          expect(finding.lastLine).toBeLessThanOrEqual(count);
          expect(finding.frames.length).toBeLessThanOrEqual(256);
        }
      }),
    );
  });

  test.each([
    ["one letter", "a"],
    ["spaces", " "],
    ["escape introducers", "\x1b]"],
    ["stamps", "[    1.000000] "],
    ["brackets", "[<"],
    ["digits", "1 "],
    ["headlines", "BUG: KASAN: "],
    ["carriage returns", "\r"],
    ["frames", " foo+0x1/0x2"],
  ])("a megabyte of %s in one line is read without trouble, inside a report too", (_, piece) => {
    const long = piece.repeat(1_000_000 / piece.length);
    const log = `[    1.000000] BUG: KASAN: use-after-free in first+0x1/0x2\n${long}\n[    1.000001]  second+0x1/0x2\n`;
    const [finding] = parseKernelLog(log);
    expect(finding?.title).toBe("KASAN: use-after-free in first");
    expect(parseKernelLog(long).length).toBeLessThan(2000);
  });

  test("reports in ten thousand contexts at once are all found", () => {
    const log = Array.from(
      { length: 10_000 },
      (_, index) => `[    1.000000][ T${index}] BUG: scheduling while atomic: x/${index}/0x2`,
    );
    const parser = new KernelLogParser();
    const found = log.flatMap((line, index) => {
      if (index % 100 === 0) expect(parser.peek().length).toBeLessThanOrEqual(64);
      return parser.push(`${line}\n`);
    });
    expect([...found, ...parser.end()]).toHaveLength(10_000);
  });
});
