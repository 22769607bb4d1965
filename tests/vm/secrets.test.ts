import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readSettings } from "../../src/base/settings.ts";
import { Run } from "../../src/record/run.ts";
import { bootVm } from "./vm.ts";

/** Every file below a folder that has a text in it, as it stands or packed into a disk. */
async function filesWith(text: string, dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(text)) found.push(path);
  }
  return found;
}

test("a token of this process' environment reaches no guest, no QEMU, no log and no run", async ({
  signal,
}) => {
  const token = `token-${Math.random().toString(36).slice(2)}-of-the-host`;
  process.env.DSTATE_TEST_TOKEN = token;
  onTestFinished(() => void delete process.env.DSTATE_TEST_TOKEN);
  const settings = readSettings();
  const vm = await bootVm();
  const run = await Run.open({ kind: "run", about: "secrets" }, { settings, signal });
  try {
    expect(await readFile(`/proc/${vm.machine.pid}/environ`, "utf8")).not.toContain(token);
    const { stdout } = await vm.guest.exec(
      'env; for file in /proc/[0-9]*/environ; do tr "\\0" "\\n" < "$file"; done; cat /proc/cmdline; dmesg',
    );
    expect(stdout).toContain("PATH=");
    expect(stdout).not.toContain(token);
    expect(await filesWith(token, vm.machine.runPath)).toEqual([]);
    const trial = await run.begin({ title: "a trial" });
    await trial.ended({ outcome: "clean", took: 1 });
  } finally {
    await vm[Symbol.asyncDispose]();
    await run[Symbol.asyncDispose]();
  }
  for (const dir of [vm.evidenceDir, run.dir]) expect(await filesWith(token, dir)).toEqual([]);
  // The search finds what is there.
  expect((await filesWith("Linux version", vm.evidenceDir)).length).toBeGreaterThan(0);
});

test("the keys of a machine are its user's alone while it runs, and gone with it", async () => {
  const vm = await bootVm();
  const seed = join(vm.machine.runPath, "seed.img");
  const { stat } = await import("node:fs/promises");
  expect((await stat(seed)).mode & 0o077).toBe(0);
  expect((await stat(vm.machine.runPath)).mode & 0o077).toBe(0);
  await vm[Symbol.asyncDispose]();
  await expect(stat(seed)).rejects.toThrow("ENOENT");
  const key = vm.machine.seed.clientKey.split("\n")[1] ?? "";
  expect(await filesWith(key, vm.evidenceDir)).toEqual([]);
});
