import { spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contextOf, keepVm, reviveVm, type Vm } from "../../src/index.ts";
import { bootVm } from "./vm.ts";

let dir = "";
let folder = "";
let id = "";

const inD = "ps -eLo stat,tid,wchan:32,comm | grep '^D' | sort";
/** A task that waits for a frozen file system until it is thawed. */
const wedge = `
mkdir -p /run/wedge && truncate -s 8M /run/wedge.img && mkfs.ext4 -q /run/wedge.img && mount -o loop /run/wedge.img /run/wedge
fsfreeze --freeze /run/wedge
(exec -a stuck-one touch /run/wedge/file) > /dev/null 2>&1 &
tries=100; until [ "$(cat /proc/$!/stat | cut -d' ' -f3)" = D ] || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
`;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "dstate-kept-"));
  folder = join(dir, "run", "kept");
  await using vm = await bootVm();
  await vm.guest.exec(wedge, { within: "1m" });
  await vm.guest.exec("echo before > /root/written");
  id = (await vm.guest.exec("cat /etc/machine-id")).stdout;
  const kept = await keepVm(vm, folder, { within: "2m" });
  expect(kept.bytes).toBeLessThan(150 * 2 ** 20);
  // It goes on as if nothing had been.
  expect((await vm.guest.exec("echo after > /root/written; cat /root/written")).stdout).toBe("after\n");
  expect((await vm.powerOff({ within: "60s" })).state).toMatch(/^(off|stuck)$/);
});
afterAll(async () => await rm(dir, { recursive: true, force: true }));

const revive = async (from = folder): Promise<Vm> => await reviveVm(from, contextOf({ progress: () => {} }));

describe("a kept machine", () => {
  test("is the same each time it is revived, and what is kept does not change", async () => {
    const seen: string[] = [];
    for (const round of [1, 2]) {
      await using vm = await revive();
      const { stdout } = await vm.guest.quick(["sh", "-c", inD], { within: "20s" });
      expect(stdout).toContain("touch");
      seen.push(stdout);
      expect((await vm.guest.exec("cat /root/written /etc/machine-id")).stdout).toBe(`before\n${id}`);
      await vm.guest.exec(`echo ${round} > /root/written; sync`);
    }
    expect(seen[1]).toBe(seen[0]);
    expect((await readdir(folder)).sort()).toEqual([
      "client-key",
      "dstate-root.qcow2",
      "kept.json",
      "seed.img",
      "state.zst",
    ]);
    expect((await stat(folder)).mode & 0o077).toBe(0);
    // What a revived machine says is beside it, and no run of its own.
    expect((await readdir(join(dir, "run", "attached"))).length).toBe(2);
  });

  test("can be looked at with gdb's protocol and a monitor of one's own, on this host only", async () => {
    await using vm = await revive();
    const { openDebugger } = await import("../../src/machine/debugger.ts");
    const socket = await openDebugger(vm.machine, { signal: new AbortController().signal });
    expect((await stat(socket)).isSocket()).toBe(true);
    expect((await stat(vm.machine.userMonitor)).isSocket()).toBe(true);
  });

  test.each([
    ["by another QEMU", { qemu: "99.1.0" }, /kept by QEMU 99\.1\.0/],
    ["on a kernel that is gone", { kernel: { boot: "/no/such/vmlinux" } }, /gone from the cache: \/no\/such/],
    ["by another dstate", { schemaVersion: 99 }, /cannot be read: schemaVersion/],
  ])("%s is refused with a sentence", async (_name, change, message) => {
    const other = join(dir, "other");
    await cp(folder, other, { recursive: true });
    const kept = JSON.parse(await readFile(join(other, "kept.json"), "utf8"));
    const changed =
      "kernel" in change ? { ...kept, kernel: { ...kept.kernel, ...change.kernel } } : { ...kept, ...change };
    await writeFile(join(other, "kept.json"), JSON.stringify(changed));
    await expect(revive(other)).rejects.toThrow(message);
    await rm(other, { recursive: true });
  });

  test("whose state is cut short does not run, and leaves nothing", async () => {
    const other = join(dir, "cut");
    await cp(folder, other, { recursive: true });
    const state = join(other, "state.zst");
    await truncate(state, Math.floor((await stat(state)).size / 2));
    await expect(revive(other)).rejects.toThrow();
    await rm(other, { recursive: true });
  });

  test("runs a command by `dstate attach`, without a terminal", async () => {
    await writeFile(
      join(dir, "run", "trial.json"),
      JSON.stringify({
        repro: "x",
        cell: { kernel: "k", env: {}, image: "debian", axes: {} },
        outcome: "reproduced",
        summary: "",
        startedAt: new Date().toISOString(),
        took: 1,
      }),
    );
    const program = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
    const child = spawn(
      process.execPath,
      [program, "attach", join(dir, "run"), "--", "cat", "/root/written"],
      {
        cwd: dir,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, said]).toEqual([0, "before\n"]);
  });
});
