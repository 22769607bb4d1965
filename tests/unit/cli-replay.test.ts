import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const dir = await mkdtemp(join(tmpdir(), "dstate-cli-replay-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

async function replay(...argv: string[]): Promise<{ code: number | null; said: string }> {
  const env = { ...process.env, DSTATE_CACHE: join(dir, "cache"), DSTATE_LOGS: join(dir, "logs") };
  return await new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [bin, "replay", ...argv],
      { cwd: dir, env },
      (_error, _out, said) => resolve({ code: child.exitCode, said }),
    );
  });
}

const about = {
  schemaVersion: 1,
  recordedAt: "2026-11-27T06:00:00.000Z",
  qemu: "7.2.22",
  machine: { memory: 2 ** 29, commandLine: "console=ttyS0", network: "isolated", hostname: "dstate" },
  kernel: { selector: "6.1.115", version: "6.1.115", id: "6.1.115-x", boot: "/no/such", provenance: "x" },
  image: { id: "i", kind: "debian", path: "/no/such", provenance: "x" },
  disks: [],
};

/** A run's folder with a recording in it, as far as it is there. */
async function run(name: string, recording?: { about: unknown; log?: Buffer }): Promise<string> {
  const folder = join(dir, name);
  await mkdir(join(folder, "recording"), { recursive: true });
  const cell = { kernel: "6.1.115", env: {}, image: "debian", axes: {} };
  const trial = {
    repro: "x",
    cell,
    outcome: "reproduced",
    summary: "",
    startedAt: about.recordedAt,
    took: 1,
  };
  await writeFile(join(folder, "trial.json"), JSON.stringify(trial));
  if (recording)
    await writeFile(join(folder, "recording", "recording.json"), JSON.stringify(recording.about));
  else await rm(join(folder, "recording"), { recursive: true });
  if (recording?.log) await writeFile(join(folder, "recording", "events.bin"), recording.log);
  return folder;
}
const whole = Buffer.from("00e02009", "hex");

describe("dstate replay refuses with a sentence and exit code 2", () => {
  test.concurrent.each([
    ["a run that was not recorded", undefined, [], /was not recorded\n.*dstate run REPRO --record/],
    ["a recording whose QEMU was killed", { about }, [], /was not finished\n.*Record again/],
    [
      "one that was cut off in its head",
      { about, log: Buffer.alloc(12) },
      [],
      /was not finished\n.*Record again/,
    ],
    [
      "one of another dstate",
      { about: { ...about, schemaVersion: 99 } },
      [],
      /cannot be read: schemaVersion.*\n.*another version of dstate/,
    ],
    [
      "one whose kernel is gone",
      { about, log: whole },
      ["--until", "schedule"],
      /needs the kernel 6\.1\.115, which is gone.*\n.*dstate kernels get 6\.1\.115/,
    ],
    ["a place that is none", { about, log: whole }, ["--until", "a b"], /expected `finding`, `sysrq`/],
    ["gdb into a document", { about, log: whole }, ["--gdb", "--json"], /--gdb.*cannot be used with.*--json/],
  ] as const)("%s", async (name, recording, argv, message) => {
    const folder = await run(name.replaceAll(" ", "-"), recording);
    const { code, said } = await replay(folder, ...argv);
    expect(said).toMatch(message);
    expect(code).toBe(2);
  });
});
