import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { goalOf, guestSeconds, parseUntil, placesFor } from "../../src/cli/until.ts";
import { contextOf, openVm } from "../../src/lab/open.ts";
import { readRecording, recordingOf, settleRecording, startReplay } from "../../src/lab/recorded.ts";
import { instructionOf, type ReplayEnd, replay } from "../../src/machine/replay.ts";
import { kernel } from "./vm.ts";

function stopOf(end: ReplayEnd): Extract<ReplayEnd, { type: "stop" }> {
  if (end.type !== "stop") throw new Error("it ran to its end");
  return end;
}

const dir = await mkdtemp(join(tmpdir(), "dstate-recorded-"));
const trial = join(dir, "trial");
const recording = recordingOf(trial);
const context = contextOf({ progress: () => {} });

beforeAll(async () => {
  const options = { kernel, memory: "512MiB", evidenceDir: trial, recordInto: recording } as const;
  await using vm = await openVm({ ...options, progress: () => {} });
  // Over the network, which is recorded too; what is random in the guest is said aloud.
  const { stdout } = await vm.guest.exec(
    "echo w > /proc/sysrq-trigger; dd if=/dev/urandom bs=16 count=1 | od -x | tee /dev/kmsg",
  );
  expect(stdout).toMatch(/^0000000 /);
  expect((await vm.powerOff({ within: "60s" })).state).toBe("off");
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

describe("a recorded machine", () => {
  test("does the same again, to the last byte of its console, and stops where it is told", async () => {
    const recorded = await readFile(join(trial, "console.log"), "utf8");
    expect(recorded).toMatch(/0000000( [0-9a-f]{4}){8}/);
    const { signal } = new AbortController();
    {
      await using again = await startReplay(recording, context);
      expect(await replay(again.machine, { signal })).toEqual({ type: "end" });
      expect(await readFile(again.machine.console.logFile, "utf8")).toBe(recorded);
    }
    await using again = await startReplay(recording, context);
    const { machine } = again;
    const places = await placesFor(parseUntil("__handle_sysrq"), again.recording.kernel, context);
    const ask = async (what: string): Promise<ReplayEnd> =>
      await replay(machine, { signal, until: goalOf(parseUntil(what), places), states: again.quietMoments });
    const before = stopOf(await ask("__handle_sysrq"));
    expect(machine.console.text).not.toContain("sysrq: Show Blocked State");
    const at = { machine, kernel: again.recording.kernel, places };
    const seconds = await guestSeconds({}, at, { signal });
    // From there, and in the same machine, to the line that the function prints.
    const after = stopOf(await ask("sysrq"));
    expect(after.line).toContain("sysrq: Show Blocked State");
    // Printing takes fewer instructions than a second has.
    expect(after.instruction).toBeGreaterThan(before.instruction);
    expect(after.instruction - before.instruction).toBeLessThan(250_000_000);
    const stamp = await guestSeconds(after, at, { signal });
    expect(Math.abs((seconds ?? 0) - (stamp ?? 99))).toBeLessThan(1);
    // It stands still there.
    expect(await instructionOf(machine, { signal })).toBe(after.instruction);
    let left = after.instruction;
    // QEMU leaves no state while something waits that was recorded.
    while ((await machine.qmp.human("savevm here", { within: "60s", signal })) !== "")
      left = stopOf(await ask(`${left + 100_000}`)).instruction;
    const further = left + 1_000_000;
    expect(stopOf(await ask(`${further}`)).instruction).toBe(further);
    // Back, by the state that was left there, and once more to where it was.
    expect(await machine.qmp.human("loadvm here", { within: "60s", signal })).toBe("");
    expect(await instructionOf(machine, { signal })).toBe(left);
    expect(stopOf(await ask(`${further}`)).instruction).toBe(further);
  });

  test.each([
    ["by another QEMU", { qemu: "99.1.0" }, /recorded by QEMU 99\.1\.0, and this host has/],
    ["on a kernel that is gone", { kernel: { boot: "/no/such/vmlinux" } }, /gone from the cache: \/no\/such/],
    ["by another dstate", { schemaVersion: 99 }, /cannot be read: schemaVersion/],
  ])("%s is refused with a sentence", async (_name, change, message) => {
    const other = join(dir, "other");
    await cp(recording, other, { recursive: true });
    const about = JSON.parse(await readFile(join(other, "recording.json"), "utf8"));
    const changed =
      "kernel" in change
        ? { ...about, kernel: { ...about.kernel, ...change.kernel } }
        : { ...about, ...change };
    await writeFile(join(other, "recording.json"), JSON.stringify(changed));
    await expect(startReplay(other, context)).rejects.toThrow(message);
    await rm(other, { recursive: true });
  });

  test("that QEMU did not finish is refused, and does not stay; nor does one of a clean trial", async () => {
    const other = join(dir, "unfinished");
    await cp(recording, other, { recursive: true });
    // As it is until QEMU ends.
    const log = await readFile(join(other, "events.bin"));
    await writeFile(join(other, "events.bin"), Buffer.concat([Buffer.alloc(12), log.subarray(12)]));
    await expect(readRecording(other)).rejects.toThrow("was not finished");
    expect(await settleRecording(other, true)).toBeUndefined();
    await expect(readRecording(other)).rejects.toThrow("there is no recording");
    const clean = join(dir, "clean");
    await cp(recording, clean, { recursive: true });
    expect(await settleRecording(clean, false)).toBeUndefined();
    await expect(readRecording(clean)).rejects.toThrow("there is no recording");
  });
});
