import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseKernelLog } from "../../src/observe/kernel-log.ts";
import { findingRecords, frameText, renderFindings } from "../../src/render/findings.ts";

const log = readFileSync(new URL("./fixtures/kernel-log/hung-task.txt", import.meta.url), "utf8");
const findings = parseKernelLog(log);

describe("renderFindings", () => {
  test("says that there are none", () => {
    expect(renderFindings([])).toBe("no findings\n");
  });

  test("shows title, facts, details and call chain", () => {
    expect(renderFindings(findings.slice(0, 1), { frames: 3 })).toBe(
      [
        "INFO: task hung in io_uring_del_tctx_node",
        "  hung-task  lines 1-23  at 52.118935 s  task node  pid 132  Linux 6.1.115",
        "  seconds: 10",
        "  state: D",
        "    __schedule+0x2a1/0x8d0",
        "    ? __wake_up_common+0x71/0x130",
        "    schedule+0x5e/0xd0",
        "    ... 13 more",
        "",
      ].join("\n"),
    );
  });

  test("colours only when asked to", () => {
    expect(renderFindings(findings)).not.toContain("\x1b");
    expect(renderFindings(findings, { colour: true })).toContain("\x1b[");
  });
});

describe("findingRecords", () => {
  test("add how bad it is and what it has in common with its repetitions", () => {
    expect(findingRecords(findings)[1]).toMatchObject({
      kind: "hung-task",
      severity: "stall",
      fingerprint: "hung-task io_sq_thread < ret_from_fork",
      pid: 142,
    });
  });

  test("survive JSON unchanged", () => {
    const records = findingRecords(findings);
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
