import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseKernelLog } from "../../src/kernel-log/kernel-log.ts";
import { findingRecord, frameText, placeText } from "../../src/report/findings.ts";

const log = readFileSync(new URL("./fixtures/kernel-log/hung-task.txt", import.meta.url), "utf8");
const records = parseKernelLog(log).map(findingRecord);

describe("findingRecord", () => {
  test("adds how bad it is and what it has in common with its repetitions", () => {
    expect(records[1]).toMatchObject({
      kind: "hung-task",
      severity: "stall",
      fingerprint: "hung-task io_sq_thread",
      pid: 142,
    });
  });

  test("survives JSON unchanged", () => {
    expect(JSON.parse(JSON.stringify(records))).toEqual(records);
  });
});

describe("frameText", () => {
  test.each([
    [{ function: "foo", offset: 1, size: 32, reliable: true }, "foo+0x1/0x20"],
    [{ function: "foo", offset: 1, size: 32, module: "ext4", reliable: false }, "? foo+0x1/0x20 [ext4]"],
    [{ function: "foo", reliable: true, file: "fs/x.c:7" }, "foo fs/x.c:7"],
  ])("%j reads as the kernel prints it", (frame, text) => {
    expect(frameText(frame)).toBe(text);
  });
});

describe("placeText", () => {
  test.each([
    [{ function: "foo", file: "fs/x.c", line: 7, inlined: true }, "at fs/x.c:7 (inlined foo)"],
    [{ function: "foo", file: "fs/x.c", line: 7, inlined: false }, "at fs/x.c:7"],
  ])("%j says where, and whose line it is where that is not told by the frame", (place, text) => {
    expect(placeText(place)).toBe(text);
  });
});
