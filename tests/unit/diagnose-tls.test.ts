import { describe, expect, test } from "vitest";
import { mappedObjects, parseTls, tracedObjects } from "../../src/diagnose/tls.ts";
import { parseTrace } from "../../src/diagnose/trace.ts";

const header = "  Type           Offset   VirtAddr           PhysAddr           FileSiz  MemSiz   Flg Align";
const segment = (size: string, align = "0x8"): string =>
  `${header}\n  TLS            0x002e20 0x0000000000003e20 0x0000000000003e20 0x000010 ${size} R   ${align}\n`;
const flags = (words: string): string => ` 0x000000000000001e (FLAGS)              ${words}\n`;
const symbol = (at: string, size: string, name: string, section = "15"): string =>
  `    11: ${at} ${size.padStart(5)} TLS     LOCAL  DEFAULT   ${section} ${name}\n`;

describe("an object's thread-local storage", () => {
  test.each([
    ["", { bytes: 0, align: 0, model: "none" }],
    [segment("0x001098", "0x1") + flags("STATIC_TLS"), { bytes: 4248, align: 1, model: "static" }],
    [segment("0x000090") + flags("BIND_NOW STATIC_TLS"), { bytes: 144, align: 8, model: "static" }],
    [segment("0x001098"), { bytes: 4248, model: "dynamic" }],
    [`  INTERP         0x000318 0x1\n${segment("0x0000c0")}`, { bytes: 192, model: "program" }],
    // Another object's word for itself is no flag of this one.
    [`${segment("0x000008")} 0x1 (NEEDED) Shared library: [STATIC_TLS.so]\n`, { model: "dynamic" }],
  ])("%# is read from the program headers and the flags", (text, expected) => {
    expect(parseTls(text)).toMatchObject(expected);
  });

  test("its variables are listed largest first, each once, without those of other objects", () => {
    const text = [
      segment("0x001268"),
      symbol("0000000000000008", "8", "small@@LIB_1.0"),
      symbol("0000000000000020", "4248", "rng_state"),
      symbol("0000000000000008", "8", "small"),
      symbol("0000000000000000", "4", "errno@GLIBC_PRIVATE (2)", "UND"),
      symbol("0000000000002000", "0x100000", "huge"),
      "    12: 0000000000001000    99 OBJECT  LOCAL  DEFAULT   15 no_thread_local\n",
    ].join("");
    expect(parseTls(text).symbols).toEqual([
      { name: "huge", bytes: 0x100000 },
      { name: "rng_state", bytes: 4248 },
      { name: "small", bytes: 8 },
    ]);
  });
});

test("a trace's objects are listed once each, also what was mapped in vain", () => {
  const trace = parseTrace(
    [
      '9 execve("/opt/node/bin/node", ["node", "load.cjs"], 0x7ffd /* 9 vars */) = 0',
      '9 execve("/usr/bin/node", ["node"], 0x7ffd /* 9 vars */) = -1 ENOENT (No such file or directory)',
      "9 mmap(NULL, 12, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3</usr/lib/libc.so.6>, 0) = 0x7f00",
      "9 mmap(0x7f01, 12, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED, 3</usr/lib/libc.so.6>, 0x1000) = 0x7f01",
      "9 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f02",
      "10 mmap(NULL, 12, PROT_READ, MAP_PRIVATE, 17</srv/work/a<b>, 1.node>, 0) = 0x7f03",
    ].join("\n"),
  );
  expect(tracedObjects(trace)).toEqual([
    "/opt/node/bin/node",
    "/usr/lib/libc.so.6",
    "/srv/work/a<b>, 1.node",
  ]);
});

test("a memory map's objects are listed once each, without what is no file", () => {
  const maps = [
    "00400000-00401000 r--p 00000000 fe:00 12                         /usr/bin/node",
    "00401000-00402000 r-xp 00001000 fe:00 12                         /usr/bin/node",
    "7f0000000000-7f0000001000 rw-p 00000000 00:00 0                  [heap]",
    "7f0000001000-7f0000002000 rw-s 00000000 00:01 7                  /dev/zero",
    "7f0000002000-7f0000003000 r-xp 00000000 fe:00 13                 /srv/my lib.so",
    "7f0000003000-7f0000004000 r-xp 00000000 fe:00 14                 /tmp/gone.so (deleted)",
    "7f0000004000-7f0000005000 rw-p 00000000 00:00 0 ",
  ].join("\n");
  expect(mappedObjects(maps)).toEqual({
    present: ["/usr/bin/node", "/srv/my lib.so"],
    gone: ["/tmp/gone.so"],
  });
});
