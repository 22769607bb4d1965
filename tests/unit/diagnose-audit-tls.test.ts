import { spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { UsageError } from "../../src/base/errors.ts";
import { auditTls, processObjects } from "../../src/diagnose/audit-tls.ts";
import { elfHeaderBytes, linkingParts, readElfTables } from "../../src/diagnose/elf.ts";
import type { GuestHost } from "../../src/diagnose/guest-host.ts";
import { guestFilesTls, guestProcessTls } from "../../src/diagnose/guest-tls.ts";

const signal = AbortSignal.timeout(120_000);
let folder: string;
let library: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dstate-tls-test-"));
  library = join(folder, "library.so");
  const source = join(folder, "library.cc");
  // The padding stands for the code and data that need not be copied.
  await writeFile(
    source,
    `namespace rng { struct State { char bytes[4248]; }; thread_local State state; }
     thread_local int small = 1;
     char padding[1 << 20] = {1};
     extern "C" int touch() { return rng::state.bytes[0] + small + padding[0]; }\n`,
  );
  const flags = ["-O1", "-pthread", "-shared", "-fPIC", "-ftls-model=initial-exec"];
  await command(["g++", ...flags, "-o", library, source], { within: "1m", signal });
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** This host in the place of a guest: what is tested is how its files are read piece by piece. */
const here: GuestHost = {
  exec: async (argv, options) => {
    const output = await command(["sh", "-c", '"$@" || exit 0', "sh", ...argv], {
      within: options.within ?? "30s",
      signal: options.signal,
    });
    return { stdout: output.stdout, stderr: output.stderr, exitCode: output.stdout ? 0 : 1, signal: null };
  },
};

describe("the audit of a file", () => {
  test("names its variables as the source does, largest first", async () => {
    const [audit] = await auditTls([library], { signal });
    expect(audit).toMatchObject({ object: library, model: "static", bytes: 4252 });
    expect(audit?.symbols).toEqual([
      { name: "rng::state", bytes: 4248 },
      { name: "small", bytes: 4 },
    ]);
  });

  test("is the same from a guest, of which only parts are copied", async () => {
    expect(await guestFilesTls(here, [library], { signal })).toEqual(await auditTls([library], { signal }));
  });

  test("takes a guest few commands, however many parts there are: each is a second on a slow one", async () => {
    let commands = 0;
    const counted: GuestHost = {
      exec: async (argv, options) => {
        commands += 1;
        return await here.exec(argv, options);
      },
    };
    await guestFilesTls(counted, [library], { signal });
    // Where it really is, its header, its tables, its parts.
    expect(commands).toBe(4);
  });

  test("needs a small part of the file", async () => {
    const bytes = await readFile(library);
    const tables = readElfTables(bytes.subarray(0, elfHeaderBytes));
    if (!tables) throw new Error("no ELF file");
    const slice = ({ offset, size }: { offset: number; size: number }): Uint8Array =>
      bytes.subarray(offset, offset + size);
    const { parts, end } = linkingParts(tables, slice(tables.programs), slice(tables.sections));
    expect(end).toBeLessThanOrEqual(bytes.length);
    const copied = parts.reduce((sum, { size }) => sum + size, 0);
    expect(copied).toBeLessThan(bytes.length / 10);
  });

  test.each([
    ["no/such/file", /cannot be read: ENOENT/],
    [".", /cannot be read: EISDIR/],
    ["text", /is no ELF file/],
    ["empty", /is no ELF file/],
    ["magic", /is cut off: it has 4 bytes and should have a whole ELF header/],
    ["header", /is cut off: it has 64 bytes and should have at least \d+/],
    ["half", /is cut off: it has \d+ bytes and should have at least \d+/],
  ])("of %s is a usage error that says what is wrong", async (name, message) => {
    const bytes = await readFile(library);
    await writeFile(join(folder, "text"), "#!/bin/sh\n");
    await writeFile(join(folder, "empty"), "");
    await writeFile(join(folder, "magic"), bytes.subarray(0, 4));
    await writeFile(join(folder, "header"), bytes.subarray(0, 64));
    await writeFile(join(folder, "half"), bytes.subarray(0, bytes.length >> 1));
    const audit = auditTls([join(folder, name)], { signal });
    await expect(audit).rejects.toThrow(UsageError);
    await expect(audit).rejects.toThrow(message);
  });

  test("reads a 32-bit object as well", async () => {
    // Two program headers of ELFCLASS32: PT_LOAD of everything and a PT_TLS of 68 bytes.
    const bytes = Buffer.alloc(52 + 2 * 32);
    bytes.write("\x7fELF\x01\x01\x01", 0, "latin1");
    bytes.writeUInt16LE(3, 16);
    bytes.writeUInt16LE(3, 18);
    bytes.writeUInt32LE(1, 20);
    bytes.writeUInt32LE(52, 28);
    bytes.writeUInt16LE(52, 40);
    bytes.writeUInt16LE(32, 42);
    bytes.writeUInt16LE(2, 44);
    const header = (at: number, type: number, fileSize: number, memorySize: number): void => {
      bytes.writeUInt32LE(type, at);
      bytes.writeUInt32LE(fileSize, at + 16);
      bytes.writeUInt32LE(memorySize, at + 20);
      bytes.writeUInt32LE(4, at + 24);
      bytes.writeUInt32LE(4, at + 28);
    };
    header(52, 1, bytes.length, bytes.length);
    header(84, 7, 0, 68);
    const path = join(folder, "narrow.so");
    await writeFile(path, bytes);
    expect(await auditTls([path], { signal })).toMatchObject([{ bytes: 68, align: 4, model: "dynamic" }]);
  });
});

/** A shell with a library loaded into it, until it is disposed of. */
async function shellWith(preload: string): Promise<{ pid: number } & Disposable> {
  const child = spawn("sh", ["-c", "echo started; read end"], { env: { LD_PRELOAD: preload } });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return { pid: child.pid ?? 0, [Symbol.dispose]: () => child.stdin.end("\n") };
}

describe("the audit of a process", () => {
  test("lists the objects it has mapped, by the paths it sees, on a host and in a guest", async () => {
    using shell = await shellWith(library);
    const { objects, gone } = await processObjects(shell.pid);
    const audits = await auditTls(objects, { signal });
    expect(audits.map(({ object }) => object)).toEqual([library, expect.stringMatching(/libc\.so\.6$/)]);
    expect(gone).toEqual([]);
    expect(await guestProcessTls(here, shell.pid, { signal })).toEqual(audits);
  });

  test("does not copy what this host is known to have", async () => {
    using shell = await shellWith(library);
    const known = { [library]: join(folder, "nothing-here") };
    await expect(guestProcessTls(here, shell.pid, { signal, known })).rejects.toThrow(
      /library\.so cannot be read/,
    );
  });

  test("tells of what was deleted under it", async () => {
    const gone = join(folder, "gone.so");
    await writeFile(gone, await readFile(library));
    using shell = await shellWith(gone);
    await rm(gone);
    expect((await processObjects(shell.pid)).gone).toEqual([gone]);
  });

  test("that is not there, or has nothing mapped, is a usage error", async () => {
    await expect(processObjects(2 ** 22 + 1)).rejects.toThrow(/there is no process 4194305 on this host/);
    await expect(guestProcessTls(here, 2 ** 22 + 1)).rejects.toThrow(/no process 4194305 in the guest/);
  });
});

test("a guest's file is named by where it really is, and read once", async () => {
  const link = join(folder, "link.so");
  await symlink(library, link);
  const audits = await guestFilesTls(here, [link, library], { signal });
  expect(audits.map(({ object }) => object)).toEqual([library]);
});

test("a guest's file that cannot be read is a usage error, or left out where others are", async () => {
  const missing = join(folder, "missing.so");
  await symlink("/no/such/file", missing);
  await using text = await open(join(folder, "text2"), "w");
  await text.write("text");
  for (const path of [missing, join(folder, "text2"), folder]) {
    await expect(guestFilesTls(here, [path])).rejects.toThrow(UsageError);
    expect(await guestFilesTls(here, [path], { others: "skip" })).toEqual([]);
  }
});
