import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { InfraError } from "../../src/base/errors.ts";
import { cannotRecord, readRecording } from "../../src/lab/recorded.ts";

const dir = await mkdtemp(join(tmpdir(), "dstate-recording-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

describe("a recording", () => {
  test.each([
    "QEMU ended at once with exit code 1: -icount shift=2,rr=record: Invalid parameter 'rr'",
    "QEMU ended at once with exit code 1: cannot configure icount, TCG support not available",
    "QEMU ended at once with exit code 1: -drive driver=blkreplay: Unknown driver 'blkreplay'",
    "QEMU ended at once with exit code 1: -object filter-replay,id=x: Parameter 'qom-type' does not accept value 'filter-replay'",
    "QEMU ended at once with exit code 1: Record/replay: Record/replay feature is not supported for 'smp'",
    "QEMU ended at once with exit code 1: -accel tcg,thread=single: invalid accelerator tcg",
  ])("that a QEMU cannot make is told as that: %s", (said) => {
    const error = cannotRecord(new InfraError(said));
    expect(error).toMatchObject({
      message: `this QEMU cannot record: ${said}`,
      next: expect.stringContaining("7.2"),
    });
  });

  test("that fails for another reason is told with that reason", () => {
    const error = new InfraError(
      "QEMU ended at once with exit code 1: Could not open 'x': No space left on device",
    );
    expect(cannotRecord(error)).toBe(error);
  });

  test("of another version, or none at all, is refused with a sentence", async () => {
    await expect(readRecording(dir)).rejects.toThrow("there is no recording in");
    await writeFile(join(dir, "recording.json"), '{ "schemaVersion": 2 }');
    await expect(readRecording(dir)).rejects.toThrow(/cannot be read: schemaVersion/);
  });
});
