import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSystemMap, possibleFrames, symbolAt } from "../../src/kernel-log/symbols.ts";
import { parseRegisters } from "../../src/platform/x86-64-registers.ts";

const registers = `\r
CPU#0\r
RAX=0000000000000000 RBX=ffffffff81a12600 RCX=0000000473333333 RDX=0000000000000000\r
RSI=00000004f200ae00 RDI=000000000001172c RBP=0000000000000000 RSP=ffffffff81a03ed8\r
RIP=ffffffff813bf3b7 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r
\r
CPU#1\r
RSI=00000004f200ae00 RDI=000000000001172c RBP=0000000000000000 RSP=00007ffd00001000\r
RIP=00005555deadbeef RFL=00000046 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0\r
\r
CPU#2\r
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00000000\r
ESI=00000000 EDI=00000000 EBP=00000000 ESP=00000000\r
EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\r
`;

const map = `0000000000000000 D __per_cpu_start
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 T __cpuidle_text_start
ffffffff81000100 t lkdtm_HARDLOCKUP
ffffffff81000120 T io_sq_thread
ffffffff81000200 T _etext
ffffffff81a00000 D init_task
`;

describe("QEMU's registers", () => {
  test("say of each CPU where it is, and whether it would take an interrupt", () => {
    expect(parseRegisters(registers)).toEqual([
      {
        cpu: 0,
        instruction: 0xffffffff813bf3b7n,
        stack: 0xffffffff81a03ed8n,
        mode: "kernel",
        interrupts: true,
        halted: true,
      },
      {
        cpu: 1,
        instruction: 0x5555deadbeefn,
        stack: 0x7ffd00001000n,
        mode: "user",
        interrupts: false,
        halted: false,
      },
      { cpu: 2, instruction: 0xfff0n, stack: 0n, mode: "kernel", interrupts: false, halted: false },
    ]);
  });

  test("any text is taken without an exception", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseRegisters(`CPU#0\n${text}`)));
  });
});

describe("a System.map", () => {
  const table = parseSystemMap(map);

  test.each([
    [0xffffffff81000000n, "_stext+0x0"],
    [0xffffffff81000105n, "lkdtm_HARDLOCKUP+0x5"],
    [0xffffffff8100011fn, "lkdtm_HARDLOCKUP+0x1f"],
    [0xffffffff810001ffn, "io_sq_thread+0xdf"],
    [0xffffffff81000200n, undefined],
    [0xffffffff81a00001n, undefined],
    [0x7ffd00001000n, undefined],
  ])("names the function of 0x%s", (address, name) => {
    expect(symbolAt(table, address)).toBe(name);
  });

  test("finds what points into code on a stack, and leaves out pointers to functions", () => {
    const stack = Buffer.alloc(36);
    stack.writeBigUInt64LE(0xffffffff81000110n, 0);
    stack.writeBigUInt64LE(0xffffffff81000120n, 8);
    stack.writeBigUInt64LE(0x1234n, 16);
    stack.writeBigUInt64LE(0xffffffff81000130n, 24);
    expect(possibleFrames(table, stack)).toEqual(["lkdtm_HARDLOCKUP+0x10", "io_sq_thread+0x10"]);
  });

  test("that is empty names nothing", () => {
    expect(symbolAt(parseSystemMap(""), 0xffffffff81000000n)).toBeUndefined();
  });

  test("always gives the last function that starts at or before the address", () => {
    const starts = fc.uniqueArray(fc.bigInt({ min: 0n, max: 1000n }), { minLength: 1 });
    fc.assert(
      fc.property(starts, fc.bigInt({ min: 0n, max: 1000n }), (addresses, address) => {
        const line = (at: bigint): string => `${at.toString(16).padStart(16, "0")} T f${at}\n`;
        const sorted = addresses.filter((at) => at <= address).sort((a, b) => Number(a - b));
        const table = parseSystemMap(`${addresses.map(line).join("")}000000000000ffff T _etext\n`);
        const start = sorted.at(-1);
        expect(symbolAt(table, address)).toBe(
          start === undefined ? undefined : `f${start}+0x${(address - start).toString(16)}`,
        );
      }),
    );
  });
});
