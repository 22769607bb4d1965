import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { command } from "../../src/base/command.ts";
import { openCore } from "../../src/why/core-file.ts";

const dir = await mkdtemp(join(tmpdir(), "dstate-core-"));
afterAll(async () => await rm(dir, { recursive: true, force: true }));

/** A dump as QEMU writes it: a note, then 4 pages from 0 and 2 pages from 0x10000. */
async function dump(name: string): Promise<string> {
  const head = Buffer.alloc(64);
  head.writeUInt32BE(0x7f454c46, 0);
  head.set([2, 1, 1], 4);
  head.writeUInt16LE(4, 16);
  head.writeUInt16LE(62, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(3, 56);
  const entry = (type: number, offset: number, physical: number, bytes: number): Buffer => {
    const into = Buffer.alloc(56);
    into.writeUInt32LE(type, 0);
    into.writeBigUInt64LE(BigInt(offset), 8);
    into.writeBigUInt64LE(BigInt(physical), 24);
    into.writeBigUInt64LE(BigInt(bytes), 32);
    into.writeBigUInt64LE(BigInt(bytes), 40);
    return into;
  };
  const note = Buffer.from("\x05\0\0\0\x04\0\0\0\x01\0\0\0QEMU\0\0\0\0abcd", "latin1");
  const at = 64 + 3 * 56;
  const memory = at + note.length;
  const pages = Buffer.alloc(6 * 4096);
  for (let page = 0; page < 6; page += 1) pages.write(`page ${page}`, page * 4096);
  const path = join(dir, name);
  await writeFile(
    path,
    Buffer.concat([
      head,
      entry(4, at, 0, note.length),
      entry(1, memory, 0, 4 * 4096),
      entry(1, memory + 4 * 4096, 0x10000, 2 * 4096),
      note,
      pages,
    ]),
  );
  return path;
}

describe("a dump of memory", () => {
  test("is read by physical address, over its parts, and not beyond them", async () => {
    const core = await openCore(await dump("read"));
    expect((await core.read(0x10000n, 6)).toString()).toBe("page 4");
    expect((await core.read(0x1000n, 6)).toString()).toBe("page 1");
    expect(await core.read(0x20000n, 6)).toHaveLength(0);
    expect(await core.read(0x11ff0n, 100)).toHaveLength(16);
    const heads: string[] = [];
    for await (const { head } of core.pages(6)) heads.push(head.toString());
    expect(heads).toEqual(["page 0", "page 1", "page 2", "page 3", "page 4", "page 5"]);
    await core.close();
  });

  test("is given a kernel's place and note, beside what QEMU wrote of the processors", async () => {
    const path = await dump("described");
    const before = await readFile(path);
    const core = await openCore(path);
    const note = "OSRELEASE=6.1.115\nPAGESIZE=4096\n";
    await core.describe({ note, virtual: 0xffffffff80000000n, physical: 0x1000n, bytes: 0x2000n });
    await core.close();
    const { stdout: segments } = await command(["readelf", "--segments", "--wide", path], { within: "20s" });
    const loads = [...segments.matchAll(/LOAD\s+(\S+) (\S+) (\S+) (\S+)/g)].map(([, , ...rest]) => rest);
    expect(loads).toEqual([
      ["0x8000000000000000", "0x0000000000000000", "0x004000"],
      ["0x8000000000010000", "0x0000000000010000", "0x002000"],
      ["0xffffffff80000000", "0x0000000000001000", "0x002000"],
    ]);
    const { stdout: notes } = await command(["readelf", "--notes", "--wide", path], { within: "20s" });
    expect(notes).toMatch(/QEMU[\s\S]*VMCOREINFO/);
    const after = await readFile(path);
    // The memory itself is where it was.
    expect(after.subarray(64, before.length).equals(before.subarray(64))).toBe(true);
    const again = await openCore(path);
    expect((await again.read(0x1000n, 6)).toString()).toBe("page 1");
    await again.close();
  });

  test("that is none is refused with a sentence", async () => {
    const path = join(dir, "text");
    await writeFile(path, "no dump at all, whatever its length may be: it goes on for more than a header");
    await expect(openCore(path)).rejects.toThrow("is no dump of a 64-bit machine's memory");
  });
});
