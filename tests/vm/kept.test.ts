import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
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

const trial = {
  repro: "x",
  cell: { kernel: "k", env: {}, image: "debian", axes: {} },
  outcome: "reproduced",
  summary: "",
  startedAt: new Date().toISOString(),
  took: 1,
};
const program = fileURLToPath(new URL("../../bin/dstate.mjs", import.meta.url));
const dstate = (argv: readonly string[], path = process.env.PATH): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [program, ...argv], {
    cwd: dir,
    encoding: "utf8",
    env: { ...process.env, PATH: path },
  });
/** A folder of programs for a PATH. */
async function withPrograms(scripts: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(dir, "programs-"));
  for (const [name, text] of Object.entries(scripts))
    await writeFile(join(folder, name), text, { mode: 0o755 });
  return folder;
}

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
    await writeFile(join(dir, "run", "trial.json"), JSON.stringify(trial));
    const { status, stdout } = dstate(["attach", join(dir, "run"), "--", "cat", "/root/written"]);
    expect([status, stdout]).toEqual([0, "before\n"]);
  });

  test.each([
    [
      "a kernel that is gone",
      { boot: "/no/such/vmlinux", vmlinux: "/no/such/vmlinux" },
      /^dstate: the kept machine needs the kernel 6\.1\.129, which is gone from the cache: \/no\/such\/vmlinux Get it again: dstate kernels get 6\.1\.129 $/m,
    ],
    [
      "a kernel without debug information",
      // One that nobody has made a twin of.
      { id: "none", selector: "4.19.1" },
      /^dstate: the cache has no Linux 4\.19\.1 with debug information Make it with `dstate kernels build 4\.19\.1 --debug-info`/m,
    ],
  ])(
    "on %s is not asked by `dstate why`: a sentence says so, and exit code 2",
    async (_what, change, words) => {
      const run = join(dir, "asked");
      await cp(join(dir, "run"), run, { recursive: true });
      await writeFile(join(run, "trial.json"), JSON.stringify(trial));
      const path = join(run, "kept", "kept.json");
      const kept = JSON.parse(await readFile(path, "utf8"));
      await writeFile(path, JSON.stringify({ ...kept, kernel: { ...kept.kernel, ...change } }));
      // Whether this host has drgn is not what is tried.
      const programs = await withPrograms({ drgn: "#!/bin/sh\n" });
      const { status, stderr } = dstate(["why", run], `${programs}:${process.env.PATH}`);
      expect(stderr.replaceAll(/\s+/g, " ")).toMatch(words);
      expect(status).toBe(2);
      await rm(run, { recursive: true });
    },
  );

  test("is not asked by `dstate why` on a host without drgn, which says what to install, and exit code 70", async () => {
    await writeFile(join(dir, "run", "trial.json"), JSON.stringify(trial));
    const { status, stderr } = dstate(["why", join(dir, "run")], await withPrograms({}));
    expect(stderr.replaceAll(/\s+/g, " ")).toMatch(
      /^dstate: the program "drgn" is not installed Install drgn: Debian's package is python3-drgn/m,
    );
    expect(status).toBe(70);
  });
});

// Only root may mount.
describe.runIf(process.getuid?.() === 0)("a machine that is to be kept on a disk", () => {
  let disk = "";
  beforeAll(async () => {
    disk = join(dir, "disk");
    await mkdir(disk);
  });
  afterEach(() => void spawnSync("umount", ["--lazy", disk]));
  const mount = (mebibytes: number): void => {
    const made = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "none", disk]);
    if (made.status !== 0) throw new Error(`mount: ${made.stderr}`);
  };

  test("with too little room, or that becomes full, goes on; a sentence says so, and nothing is left", async () => {
    await using vm = await bootVm({ memory: "1GiB" });
    const keep = async (): Promise<unknown> =>
      await keepVm(vm, join(disk, "kept"), { within: "2m" }).catch((error: unknown) => error);
    mount(64);
    expect(await keep()).toMatchObject({
      exitCode: 70,
      message: expect.stringMatching(
        /^the disk of .* has .* free, and a whole machine may need 1\.1\d* GiB$/,
      ),
      next: expect.stringContaining("DSTATE_LOGS"),
    });
    spawnSync("umount", ["--lazy", disk]);
    // As much as is asked for, until somebody else writes there.
    mount(1200);
    const kept = keep();
    await expect.poll(async () => await readdir(disk), { timeout: 30_000, interval: 5 }).not.toEqual([]);
    spawnSync("fallocate", ["--length", "1190MiB", join(disk, "others")]);
    expect(await kept).toMatchObject({
      exitCode: 70,
      message: expect.stringMatching(/^the disk of .* became full while the machine was written there$/),
      next: expect.stringContaining("DSTATE_LOGS"),
    });
    expect(await readdir(disk)).toEqual(["others"]);
    expect((await vm.guest.exec("echo still here")).stdout).toBe("still here\n");
  });
});
