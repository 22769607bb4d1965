import { describe, expect, test } from "vitest";
import { hasPvhNote, payloadOf } from "../../src/platform/x86-64-boot-image.ts";
import { bzImage, elf, note } from "./boot-images.ts";

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
