import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UsageError, type Vm } from "../../src/index.ts";
import { bootVm } from "./vm.ts";

let vm: Vm;
beforeAll(async () => {
  vm = await bootVm();
});
afterAll(async () => {
  await vm?.[Symbol.asyncDispose]();
});

describe("the audit of a process in the guest", () => {
  test("lists node and its libraries, with their variables by name", async () => {
    const job = await vm.guest.spawn(["node", "-e", "console.log('started'); setTimeout(() => {}, 1e6)"]);
    await expect.poll(() => job.stdout.text, { timeout: 60_000 }).toBe("started\n");
    const audits = await vm.tls({ pid: job.pid });
    const models = new Map(audits.map(({ object, model }) => [object.replace(/^.*\//, ""), model]));
    expect(models.get("node")).toBe("program");
    expect(models.get("libc.so.6")).toBe("static");
    expect(audits.map(({ bytes }) => bytes)).toEqual(audits.map(({ bytes }) => bytes).sort((a, b) => b - a));
    // Demangled: the linker's own names start with _Z.
    const names = audits.flatMap(({ symbols }) => symbols.map(({ name }) => name));
    expect(names.filter((name) => name.includes("::")).length).toBeGreaterThan(0);
    expect(names.filter((name) => name.startsWith("_Z"))).toEqual([]);
    expect((await job.kill("SIGKILL", { within: "5s" })).state).toBe("reaped");
  });

  test("that does not exist, or is a thread of the kernel, is a usage error", async () => {
    await expect(vm.tls({ pid: 4_000_000 })).rejects.toThrow("there is no process 4000000 in the guest");
    await expect(vm.tls({ pid: 2 })).rejects.toThrow("process 2 has no files mapped");
  });
});

test("a file of the guest is read in parts, and what is no ELF file is a usage error", async () => {
  // Where it is depends on the image: below /usr/lib on Debian, in the store on NixOS.
  const { stdout } = await vm.guest.exec([
    "sed",
    "-n",
    "s,.* \\(/.*/libc\\.so\\.6\\)$,\\1,p",
    "/proc/self/maps",
  ]);
  const [path = ""] = stdout.split("\n");
  const [libc] = await vm.tls({ files: [path] });
  expect(libc).toMatchObject({ model: "static", align: 8 });
  for (const files of [["/etc/passwd"], ["/no/such/file"], ["/etc"]])
    await expect(vm.tls({ files })).rejects.toThrow(UsageError);
  expect(await vm.tls({ files: ["/etc/passwd"], others: "skip" })).toEqual([]);
});
