import { execFileSync, spawn } from "node:child_process";
import { readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { identify } from "../../src/base/owner.ts";
import { readSettings } from "../../src/base/settings.ts";
import { adoptIdentity } from "../../src/guest/identity.ts";
import { connectSsh } from "../../src/guest/ssh.ts";
import type { Vm } from "../../src/index.ts";
import { reap } from "../../src/machine/run-directory.ts";
import { makeKeyPair } from "../../src/machine/seed.ts";
import { ownedBy } from "./owned.ts";
import { bootVm } from "./vm.ts";

const { runtimeDir } = readSettings();
/** Seconds between a guest's clock and ours. */
async function clockError(vm: Vm): Promise<number> {
  const seconds = Number((await vm.guest.exec("date +%s")).stdout);
  return Math.abs(seconds - Date.now() / 1000);
}

/** Other bytes in a file of the same size and time: what only its reader can notice. */
async function spoil(path: string): Promise<void> {
  const { size } = await stat(path);
  const clock = `${path}.clock`;
  execFileSync("touch", ["-r", path, clock]);
  await writeFile(path, Buffer.alloc(size, "spoilt"));
  execFileSync("touch", ["-r", clock, path]);
  await rm(clock);
}

describe("a machine", () => {
  test("leaves no process, socket or file when it is disposed, and keeps its console's log", async () => {
    const vm = await bootVm();
    expect((await ownedBy(process.pid, runtimeDir)).length).toBe(1);
    const { pid } = vm.machine;
    await vm[Symbol.asyncDispose]();
    expect(identify(pid)).toBeUndefined();
    expect(await ownedBy(process.pid, runtimeDir)).toEqual([]);
    // A machine that went on from a frozen one has its boot in a file of its own.
    const folder = dirname(vm.machine.console.logFile);
    const logs = await Promise.all(
      (await readdir(folder))
        .filter((name) => name.startsWith("console"))
        .map(async (name) => await readFile(join(folder, name), "utf8")),
    );
    expect(logs.join("")).toContain("Linux version 6.1.129");
  });

  test("goes on from a frozen one with the right time, and boots when it is told to", async () => {
    await using warm = await bootVm();
    await using cold = await bootVm({ cold: true });
    expect([warm.start, cold.start]).toEqual(["warm", "cold"]);
    for (const vm of [warm, cold]) expect(await clockError(vm)).toBeLessThan(5);
  });

  test("that goes on hours after it was frozen is told the time", async () => {
    await using vm = await bootVm();
    await vm.guest.exec("date -s '5 hours ago'");
    expect(await clockError(vm)).toBeGreaterThan(10_000);
    await adoptIdentity(vm.guest, { within: "10s" });
    expect(await clockError(vm)).toBeLessThan(5);
  });

  test("that goes on from a frozen one has a random pool of its own and the ssh host key it was given", async () => {
    await using vm = await bootVm();
    await using twin = await bootVm();
    expect([vm.start, twin.start]).toEqual(["warm", "warm"]);
    const first = [vm, twin].map(
      async ({ guest }) => (await guest.quick("head -c 32 /dev/urandom | od -An -v -tx1")).stdout,
    );
    expect(new Set(await Promise.all(first)).size).toBe(2);
    using _connection = await connectSsh(vm.machine, AbortSignal.timeout(20_000));
    const other = { ...vm.machine.seed, hostKey: makeKeyPair("another").blob };
    await expect(
      connectSsh({ seed: other, sshPort: vm.machine.sshPort }, AbortSignal.timeout(20_000)),
    ).rejects.toThrow(/host key is not the one/);
  });

  test.each([
    // Shapes that nobody else uses, so that nobody else's frozen machine is damaged.
    {
      what: "is incomplete is made anew",
      mebibytes: 777,
      damage: async (state: string) => await truncate(state, 1000),
      start: "warm",
      note: /state should be \d+ bytes and is 1000; it is made anew/,
    },
    {
      what: "QEMU cannot go on from is thrown away, and the machine boots",
      mebibytes: 778,
      damage: spoil,
      start: "cold",
      note: /no warm start, booting instead/,
    },
  ] as const)("a frozen machine that $what, with a word", async ({ mebibytes, damage, start, note }) => {
    const shape = { memory: mebibytes * 2 ** 20 };
    const store = join(readSettings().cacheDir, "snapshots");
    const made = async (): Promise<string> => {
      for (const name of await readdir(store)) {
        const argv = await readFile(join(store, name, "qemu-arguments.json"), "utf8").catch(() => "");
        if (!name.startsWith(".") && argv.includes(`"${mebibytes}M"`)) return join(store, name);
      }
      throw new Error("nothing was frozen");
    };
    await (await bootVm(shape))[Symbol.asyncDispose]();
    await damage(join(await made(), "state"));
    const notes: string[] = [];
    await using vm = await bootVm({
      ...shape,
      progress: (event) => event.type === "note" && notes.push(event.text),
    });
    expect(notes.join()).toMatch(note);
    expect(vm.start, notes.join("; ")).toBe(start);
    await using next = await bootVm(shape);
    expect(next.start).toBe("warm");
    await rm(await made(), { recursive: true, force: true });
  });

  test("two at once do not share a port, a key or a disk", async () => {
    await using first = await bootVm();
    await using second = await bootVm();
    expect(first.machine.sshPort).not.toBe(second.machine.sshPort);
    expect(first.machine.seed.clientKey).not.toBe(second.machine.seed.clientKey);
    const identity = async (vm: Vm): Promise<string> =>
      (
        await vm.guest.exec(
          "cat /etc/machine-id /proc/sys/kernel/hostname; head -c 16 /dev/urandom | od -An -tx1",
        )
      ).stdout;
    const [mine, theirs] = [await identity(first), await identity(second)].map((text) =>
      text.trim().split("\n"),
    );
    for (const [index, line] of (mine ?? []).entries()) expect(line).not.toBe(theirs?.[index]);
    await first.guest.exec("echo mine > /root/file && sync");
    expect((await second.guest.exec("cat /root/file", { allowFailure: true })).exitCode).not.toBe(0);
  });

  test("a panic ends whatever is being waited for", async () => {
    await using vm = await bootVm();
    const waiting = vm.guest.exec("echo c > /proc/sysrq-trigger; sleep 1000", { within: "120s" });
    await expect(waiting).rejects.toMatchObject({ kind: expect.stringMatching(/panic|oops/) });
    const log = await vm.kernelLog({ within: "2s" });
    expect(log.source).toBe("console");
    expect(log.findings.length).toBeGreaterThan(0);
  });

  test("the death of QEMU ends whatever is being waited for", async () => {
    await using vm = await bootVm();
    const waiting = vm.guest.exec("sleep 1000", { within: "120s" });
    process.kill(vm.machine.pid, "SIGKILL");
    await expect(waiting).rejects.toMatchObject({ kind: "exit" });
  });

  test("its console keeps every line that a guest prints while nobody here can read", async () => {
    await using vm = await bootVm();
    const { console } = vm.machine;
    await vm.guest.exec("echo on > /proc/sys/kernel/printk_devkmsg");
    const from = console.mark;
    const lines = Array.from({ length: 1000 }, (_, index) => `line ${index} of a thousand`);
    const printing = vm.guest.exec(
      'i=0; while [ $i -lt 1000 ]; do echo "line $i of a thousand" > /dev/kmsg; i=$((i + 1)); done',
    );
    await console.waitForLine("the first line", (line) => line.includes(lines[0] ?? ""), {
      within: "30s",
      from,
    });
    // As on a host that has no processor for us: the guest goes on, and no turn of the event loop comes.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
    await printing;
    await console.waitForLine("the last line", (line) => line.includes(lines.at(-1) ?? ""), {
      within: "30s",
      from,
    });
    const printed = console.since(from);
    expect(lines.filter((line) => !printed.includes(line))).toEqual([]);
  });

  test("sysrq over the serial line answers without ssh", async () => {
    await using vm = await bootVm();
    const mark = vm.machine.console.mark;
    await vm.machine.console.sysrq("w");
    await vm.machine.console.waitForLine(
      "the answer to sysrq w",
      (line) => /sysrq: Show Blocked State/i.test(line),
      { within: "10s", from: mark },
    );
  });

  test("a reset is not taken for a power-off", async () => {
    await using vm = await bootVm();
    const onStop = "ExecStop=/bin/sh -c 'echo b > /proc/sysrq-trigger'";
    await vm.guest.exec(["systemd-run", "--unit=resets", `--property=${onStop}`, "sleep", "infinity"], {
      within: "10s",
    });
    expect((await vm.powerOff({ within: "30s" })).state).toBe("reset");
  });
});

describe("a run that is killed", () => {
  const start = async (): Promise<{ child: ReturnType<typeof spawn>; qemu: number }> => {
    const argv = ["bin/dstate.mjs", "run", "io-uring-dstate", "--kernel", "6.1.129", "--json"];
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "ignore", "pipe"] });
    let qemu: number | undefined;
    await expect
      .poll(
        async () => {
          qemu = (await ownedBy(child.pid, runtimeDir))[0]?.qemu;
          return qemu;
        },
        { timeout: 120_000 },
      )
      .toBeTypeOf("number");
    return { child, qemu: qemu ?? 0 };
  };
  const exit = async (child: ReturnType<typeof spawn>): Promise<number | null> =>
    await new Promise((resolve) => child.once("exit", resolve));

  test.each([
    ["SIGINT once", ["SIGINT"]],
    ["SIGINT twice", ["SIGINT", "SIGINT"]],
    ["SIGTERM", ["SIGTERM"]],
  ] as const)("by %s ends with exit code 130 and leaves no machine and no file", async (_what, signals) => {
    const { child, qemu } = await start();
    const ended = exit(child);
    for (const signal of signals) child.kill(signal);
    expect(await ended).toBe(130);
    await expect.poll(() => identify(qemu)).toBeUndefined();
    expect(await ownedBy(child.pid, runtimeDir)).toEqual([]);
  });

  test("by SIGKILL leaves no machine, and the next start removes its files", async () => {
    const { child, qemu } = await start();
    const ended = exit(child);
    child.kill("SIGKILL");
    await ended;
    await expect.poll(() => identify(qemu)).toBeUndefined();
    expect((await ownedBy(child.pid, runtimeDir)).length).toBe(1);
    expect(await reap(runtimeDir)).toBeGreaterThanOrEqual(1);
    expect(await ownedBy(child.pid, runtimeDir)).toEqual([]);
  });
});
