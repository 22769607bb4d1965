import { describe, expect, test } from "vitest";
import { hasPvhNote, payloadOf } from "../../src/platform/x86-64-boot-image.ts";

function bzImage(payload: Buffer, { protocol = 0x20f, setupSectors = 3 } = {}): Buffer {
  const offset = 0x40;
  const start = ((setupSectors || 4) + 1) * 512;
  const image = Buffer.alloc(start + offset + payload.length + 100);
  image.writeUInt8(setupSectors, 0x1f1);
  image.write("HdrS", 0x202, "latin1");
  image.writeUInt16LE(protocol, 0x206);
  image.writeUInt32LE(offset, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  payload.copy(image, start + offset);
  return image;
}

describe("the payload of a bzImage", () => {
  test.each([
    ["gzip", "1f8b0800", 0],
    ["xz", "fd377a585a00", 4],
    ["zstd", "28b52ffd", 4],
    ["lz4", "02214c18", 4],
  ])(
    "compressed with %s is found, less the size the kernel's build appends",
    (compression, magic, appended) => {
      const stream = Buffer.concat([Buffer.from(magic, "hex"), Buffer.from("the rest of it")]);
      const payload = payloadOf(bzImage(Buffer.concat([stream, Buffer.alloc(appended, 7)])));
      expect(payload).toEqual({ compression, data: stream });
    },
  );

  test("is found behind the four setup sectors that 0 stands for", () => {
    const stream = Buffer.from("1f8b0800aabbccdd", "hex");
    expect(payloadOf(bzImage(stream, { setupSectors: 0 }))?.data).toEqual(stream);
  });

  test.each([
    ["a file that is no bzImage", Buffer.alloc(4096)],
    ["an empty file", Buffer.alloc(0)],
    ["a boot protocol without the fields", bzImage(Buffer.from("1f8b0800", "hex"), { protocol: 0x207 })],
    ["an unknown compression", bzImage(Buffer.from("something else"))],
  ])("is not there in %s", (_case, image) => {
    expect(payloadOf(image)).toBeUndefined();
  });
});

function elf(notes: Buffer): Buffer {
  const header = Buffer.alloc(64 + 56);
  header.write("\x7fELF\x02\x01", 0, "latin1");
  header.writeBigUInt64LE(64n, 0x20);
  header.writeUInt16LE(56, 0x36);
  header.writeUInt16LE(1, 0x38);
  header.writeUInt32LE(4, 64);
  header.writeBigUInt64LE(BigInt(header.length), 64 + 8);
  header.writeBigUInt64LE(BigInt(notes.length), 64 + 32);
  return Buffer.concat([header, notes]);
}

function note(name: string, type: number): Buffer {
  const padded = Buffer.alloc((name.length + 4) & ~3);
  padded.write(name, "latin1");
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(8, 4);
  head.writeUInt32LE(type, 8);
  return Buffer.concat([head, padded, Buffer.alloc(8)]);
}

describe("an ELF kernel", () => {
  test("with the PVH note among others can be entered directly", () => {
    expect(hasPvhNote(elf(Buffer.concat([note("Linux", 257), note("Xen", 6), note("Xen", 18)])))).toBe(true);
  });

  test.each([
    ["Xen's other notes", elf(note("Xen", 6))],
    ["somebody else's note of that number", elf(note("GNU", 18))],
    ["no note", elf(Buffer.alloc(0))],
    ["a note table cut short", elf(note("Xen", 18)).subarray(0, 100)],
  ])("with %s cannot", (_case, image) => {
    expect(hasPvhNote(image)).toBe(false);
  });

  test("is not what a bzImage is", () => {
    expect(hasPvhNote(bzImage(Buffer.from("1f8b0800", "hex")))).toBe(false);
  });
});
